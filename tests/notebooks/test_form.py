"""What a committed notebook looks like."""

import ast
import re
from pathlib import Path

import pytest
from nbformat import NotebookNode

from tests.notebooks import refresh

NOTEBOOKS = refresh.notebooks()
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)

_LOGIC = (
    ast.FunctionDef
    | ast.Lambda
    | ast.ClassDef
    | ast.For
    | ast.While
    | ast.If
    | ast.Try
    | ast.With
    | ast.comprehension
)


def test_numbers() -> None:
    """Notebooks are numbered from 01 on, without gaps."""
    assert [path.name[:3] for path in NOTEBOOKS] == [f"{number:02}_" for number in range(1, len(NOTEBOOKS) + 1)]


@every_notebook
def test_committed_form(path: Path) -> None:
    """A committed notebook is as `refresh.py` writes it."""
    assert path.read_text(encoding="utf-8") == refresh.text(refresh.committed(refresh.read(path)))


@every_notebook
def test_compared_cells_were_run(path: Path) -> None:
    """Cells whose outputs are compared have outputs: nbval skips those without."""
    compared = [cell for cell in refresh.read(path).cells if refresh.COMPARED in refresh.tags(cell)]
    assert compared
    assert all(cell.execution_count and cell.outputs for cell in compared)


@every_notebook
def test_order_of_cells(path: Path) -> None:
    """First the question, then imports, then typed parameters with help; at the end what was learnt, computed.

    A board says first what was learnt: its sentence follows the sliders.
    """
    cells = refresh.read(path).cells
    assert cells[0].source.startswith("# ")
    assert "?" in cells[0].source
    assert cells[1].source.startswith("import ")
    assert refresh.tags(cells[2]) == ["parameters"]
    typed = re.compile(r"\w+: \w+ = .+  # .+")
    assert all(typed.fullmatch(line) for line in cells[2].source.splitlines())
    shown = [cell for cell in cells if "remove-cell" not in refresh.tags(cell)]
    if any("board = Board(" in cell.source and "sentence=" in cell.source for cell in shown):
        return
    heading = next(n for n, cell in enumerate(shown) if cell.source == "## What we learnt")
    assert all("say(" in cell.source and refresh.COMPARED in refresh.tags(cell) for cell in shown[heading + 1 :])
    assert len(shown) > heading + 1


@every_notebook
def test_no_logic(path: Path) -> None:
    """Cells are short and ask questions: they have no functions, loops or branches."""
    for cell in _code(refresh.read(path)):
        assert not any(isinstance(node, _LOGIC) for node in ast.walk(ast.parse(cell.source))), cell.source
        assert len(cell.source.splitlines()) <= 20, cell.source


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]
