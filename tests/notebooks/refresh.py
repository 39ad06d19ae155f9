"""Run the committed notebooks again and keep only what the tests compare.

Type `python tests/notebooks/refresh.py` for all of them, or add names: `… refresh.py 02 05`.

A committed notebook has outputs only in the cells tagged `nbval-check-output`. Its cells are numbered, and their
only metadata are tags. So two runs with the same results give the same file.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets.config import Config

COMPARED: Final = "nbval-check-output"
FOLDER: Final = Path(__file__).parents[2] / "notebooks"

_KERNEL: Final = {"display_name": "Python 3", "language": "python", "name": "python3"}
_SECONDS: Final = 120


def notebooks(*prefixes: str) -> list[Path]:
    """Return the committed notebooks whose names begin with one of the prefixes; all of them without any."""
    return sorted(path for path in FOLDER.glob("*.ipynb") if path.name.startswith(prefixes or ""))


def read(path: Path) -> NotebookNode:
    """Return a notebook."""
    return nbformat.read(path, as_version=4)


def parametrised(notebook: NotebookNode, **parameters: Any) -> NotebookNode:
    """Return the notebook with a cell of values after its cell of parameters."""
    position = next(n for n, cell in enumerate(notebook.cells) if "parameters" in tags(cell)) + 1
    values = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    cell = nbformat.v4.new_code_cell(values, id="values", metadata={"tags": ["injected-parameters"]})
    notebook.cells.insert(position, cell)
    return notebook


def execute(notebook: NotebookNode) -> NotebookNode:
    """Return the notebook with its outputs, run in the folder of the notebooks.

    The client reaches the kernel through files, not TCP, so that no other user of the machine can.
    """
    config = Config()
    with tempfile.TemporaryDirectory() as folder:
        config.KernelManager.transport = "ipc"
        config.KernelManager.ip = str(Path(folder) / "kernel")
        resources = {"metadata": {"path": str(FOLDER)}}
        client = NotebookClient(
            notebook, timeout=_SECONDS, kernel_name="python3", resources=resources, config=config
        )
        return client.execute()


def committed(notebook: NotebookNode) -> NotebookNode:
    """Return the notebook as it is committed."""
    cells = [_committed(cell, number) for number, cell in enumerate(notebook.cells, 1)]
    return nbformat.v4.new_notebook(
        cells=cells, metadata={"kernelspec": _KERNEL, "language_info": {"name": "python"}}
    )


def text(notebook: NotebookNode) -> str:
    """Return a notebook as the text of its file."""
    return nbformat.writes(notebook) + "\n"


def tags(cell: NotebookNode) -> list[str]:
    """Return the tags of a cell."""
    return list(cell.metadata.get("tags", []))


def _committed(cell: NotebookNode, number: int) -> NotebookNode:
    metadata = {"tags": tags(cell)} if tags(cell) else {}
    identity = f"cell-{number:02}"
    if cell.cell_type == "markdown":
        return nbformat.v4.new_markdown_cell(cell.source, id=identity, metadata=metadata)
    fresh = nbformat.v4.new_code_cell(cell.source, id=identity, metadata=metadata)
    if COMPARED in tags(cell):
        fresh.execution_count, fresh.outputs = cell.execution_count, cell.outputs
    return fresh


def main(prefixes: list[str]) -> None:
    """Refresh the notebooks whose names begin with one of the prefixes."""
    for path in notebooks(*prefixes):
        fresh = text(committed(execute(read(path))))
        changed = fresh != path.read_text(encoding="utf-8")
        path.write_text(fresh, encoding="utf-8")
        print(f"{path.name}: {'changed' if changed else 'unchanged'}")


if __name__ == "__main__":
    main(sys.argv[1:])
