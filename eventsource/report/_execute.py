"""Running a notebook with parameters."""

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any, Final

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode
from traitlets.config import Config

from eventsource.atomic_write import atomic_write
from eventsource.errors import ReportError
from eventsource.report._parameters import as_source

__all__ = ["execute", "read"]

_TAG: Final = "parameters"
_FOR_TESTS: Final = "results"
"""The tag of cells that only serve tests: a report does not run them."""
_SHOWN: Final = 70
_SHORT_FOLDERS: Final = ("/tmp", "/var/tmp")  # noqa: S108 - a folder of a random name is created in it
_LONGEST_FOLDER: Final = 65
"""Bytes of a folder's path: with the names below it, that of a socket may have 103 on every system."""


def read(path: Path) -> NotebookNode:
    """Return a notebook.

    Raises:
        ReportError: the file does not exist, or is not a notebook.
    """
    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError as error:
        raise ReportError(
            f"notebook {path} does not exist", hint="check the path, which ends in .ipynb"
        ) from error
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, AttributeError) as error:
        raise ReportError(
            f"{path}: expected a notebook: {error}", hint="open it in JupyterLab: eventsource lab"
        ) from error


def execute(
    notebook: NotebookNode, values: Mapping[str, Any], *, folder: Path, timeout: int, failed: Path
) -> NotebookNode:
    """Run a notebook in a kernel of its own, and return it with its outputs.

    Args:
        notebook: the notebook; it is not changed.
        values: parameters; a cell after the one tagged ``parameters`` sets them.
        folder: the working directory of the kernel.
        timeout: seconds that one cell may take.
        failed: the file for the notebook with its traceback, if a cell fails.

    Raises:
        ReportError: a cell failed; the message names it.
    """
    copy = _with_values(notebook, values)
    try:
        with TemporaryDirectory(prefix="eventsource-", dir=_folder_of_sockets()) as sockets:
            _client(copy, folder, timeout, sockets).execute(env={**os.environ, "TZ": "UTC", "PYTHONHASHSEED": "0"})
    except (CellExecutionError, CellTimeoutError, RuntimeError) as error:
        raise ReportError(_failure(copy, error), hint=_write_failed(copy, failed)) from error
    except OSError as error:
        raise ReportError(
            f"the notebook cannot be run: {error}", hint="free some space, also in the folder of temporary files"
        ) from error
    return copy


def _folder_of_sockets() -> str:
    """Return a folder of temporary files whose path is short enough for the name of a socket.

    Raises:
        ReportError: there is none.
    """
    usual = gettempdir()
    for folder in (usual, *_SHORT_FOLDERS):
        if len(os.fsencode(folder)) <= _LONGEST_FOLDER and os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise ReportError(
        f"the path of the folder of temporary files is too long for sockets: {usual}",
        hint=f"set TMPDIR to a folder whose path has at most {_LONGEST_FOLDER} characters, such as TMPDIR=/tmp",
    )


def _write_failed(notebook: NotebookNode, file: Path) -> str:
    """Write a notebook that failed; return where its traceback is, or why it could not be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(file) as draft:
            nbformat.write(notebook, draft)
    except OSError as error:
        return f"the traceback could not be written to {file}: {error.strerror or error}"
    return f"see the traceback in {file}"


def _client(notebook: NotebookNode, folder: Path, timeout: int, sockets: str) -> NotebookClient:
    """Return a client that talks to its kernel over sockets in a folder: ports could be taken, or listened to."""
    config = Config()
    config.KernelManager.transport = "ipc"
    config.KernelManager.ip = f"{sockets}/kernel"
    where = {"metadata": {"path": str(folder)}}
    return NotebookClient(notebook, timeout=timeout, kernel_name="python3", resources=where, config=config)


def _with_values(notebook: NotebookNode, values: Mapping[str, Any]) -> NotebookNode:
    """Return a copy with a cell that sets the parameters, without the cells that only serve tests."""
    copy = nbformat.from_dict(notebook)
    copy.cells = [
        nbformat.from_dict(cell) for cell in notebook.cells if _FOR_TESTS not in cell.metadata.get("tags", [])
    ]
    tagged = [number for number, cell in enumerate(copy.cells) if _TAG in cell.metadata.get("tags", [])]
    if values and tagged:
        source = "\n".join(f"{name} = {as_source(value)}" for name, value in values.items())
        cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["injected-parameters"]}, id="injected")
        copy.cells.insert(tagged[-1] + 1, cell)
    return copy


def _failure(notebook: NotebookNode, error: Exception) -> str:
    """Return one line that says which cell failed, and how."""
    for number, cell in enumerate(notebook.cells, 1):
        outputs = cell.get("outputs", [])
        wrong = next((output for output in outputs if output.output_type == "error"), None)
        if wrong is not None:
            first = cell.source.strip().splitlines()[0][:_SHOWN] if cell.source.strip() else ""
            return f"cell {number} ({first}) failed: {wrong.ename}: {wrong.evalue}"
    return f"the notebook failed: {type(error).__name__}: {str(error)[:200]}"
