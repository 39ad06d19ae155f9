"""Running a notebook with parameters."""

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode
from traitlets.config import Config

from eventsource.errors import ReportError

__all__ = ["execute", "read"]

_TAG: Final = "parameters"
_SHOWN: Final = 70


def read(path: Path) -> NotebookNode:
    """Return a notebook.

    Raises:
        ReportError: there is none, or it is none.
    """
    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError as error:
        raise ReportError(f"there is no notebook {path}") from error
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, AttributeError) as error:
        raise ReportError(f"{path} is not a notebook: {error}") from error


def execute(
    notebook: NotebookNode, values: Mapping[str, Any], *, folder: Path, timeout: int, failed: Path
) -> NotebookNode:
    """Run a notebook in a kernel of its own; return it with its outputs.

    Args:
        notebook: the notebook; it is not changed.
        values: parameters, set in a cell after the one tagged ``parameters``.
        folder: where it runs; relative paths in it start there.
        timeout: seconds that one cell may take.
        failed: where the notebook with its traceback is kept if a cell fails.

    Raises:
        ReportError: names the cell that failed, and how.
    """
    copy = _with_values(notebook, values)
    try:
        with TemporaryDirectory(prefix="eventsource-") as sockets:
            _client(copy, folder, timeout, sockets).execute(env={**os.environ, "TZ": "UTC", "PYTHONHASHSEED": "0"})
    except (CellExecutionError, CellTimeoutError, RuntimeError) as error:
        failed.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(copy, failed)
        raise ReportError(_told(copy, error), hint=f"the notebook with its traceback: {failed}") from error
    return copy


def _client(notebook: NotebookNode, folder: Path, timeout: int, sockets: str) -> NotebookClient:
    """Return what runs a notebook, over sockets in a folder: no ports, which others may take or listen to."""
    config = Config()
    config.KernelManager.transport = "ipc"
    config.KernelManager.ip = f"{sockets}/kernel"
    where = {"metadata": {"path": str(folder)}}
    return NotebookClient(notebook, timeout=timeout, kernel_name="python3", resources=where, config=config)


def _with_values(notebook: NotebookNode, values: Mapping[str, Any]) -> NotebookNode:
    """Return a copy with a cell that sets the parameters; values are plain literals."""
    copy = nbformat.from_dict(notebook)
    copy.cells = [nbformat.from_dict(cell) for cell in notebook.cells]
    tagged = [number for number, cell in enumerate(copy.cells) if _TAG in cell.metadata.get("tags", [])]
    if values and tagged:
        source = "\n".join(f"{name} = {value!r}" for name, value in values.items())
        cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["injected-parameters"]}, id="injected")
        copy.cells.insert(tagged[-1] + 1, cell)
    return copy


def _told(notebook: NotebookNode, error: Exception) -> str:
    """Say in one line which cell failed, and how."""
    for number, cell in enumerate(notebook.cells, 1):
        outputs = cell.get("outputs", [])
        wrong = next((output for output in outputs if output.output_type == "error"), None)
        if wrong is not None:
            first = cell.source.strip().splitlines()[0][:_SHOWN] if cell.source.strip() else ""
            return f"cell {number} ({first}) failed: {wrong.ename}: {wrong.evalue}"
    return f"the notebook failed: {type(error).__name__}: {str(error)[:200]}"
