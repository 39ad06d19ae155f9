"""Running a notebook with parameters."""

import atexit
import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
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
from eventsource.progress import Progress, no_progress
from eventsource.report._limits import Limits, Watch
from eventsource.report._parameters import as_source

__all__ = ["Failure", "NotebookError", "execute", "numbers_of", "read", "write_private"]

_TAG: Final = "parameters"
_INJECTED: Final = "injected-parameters"
_SETUP: Final = "injected-setup"
_BEFORE: Final = """
import random as _random
import numpy as _numpy
from eventsource.presentation import show_frames as _show_frames
_show_frames()
_random.seed(0)
_numpy.random.seed(0)
"""
_AFTER: Final = """
import os as _os
from pathlib import Path as _Path
if _os.environ.get("EVENTSOURCE_MODULES"):
    from eventsource.report._modules import list_modules as _list_modules
    _list_modules(_Path(_os.environ["EVENTSOURCE_MODULES"]))
"""
_PERSONAL: Final = """
if _os.environ.get("EVENTSOURCE_PERSONAL"):
    from eventsource.report._personal import write_personal as _write_personal
    _write_personal(_Path(_os.environ["EVENTSOURCE_PERSONAL"]))
"""
_HEADING: Final = re.compile(r"^#+\s+(.+)$", re.MULTILINE)
_UNLIMITED: Final = Limits()
_NOTHING: Final[Mapping[str, str]] = {}
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


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run failed, without data of the log: what a page that anybody may read can say.

    Args:
        kind: the name of the error's class, or ``limit``.
        where: the heading above the cell that failed; empty: unknown.
        cell: the number of the cell; 0: none.
        checks: what does not hold, if checks failed.
    """

    kind: str
    where: str = ""
    cell: int = 0
    checks: tuple[str, ...] = ()


class NotebookError(ReportError):
    """A notebook failed; ``failure`` says how, without data."""

    def __init__(self, message: str, failure: Failure, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.failure = failure


def execute(  # noqa: PLR0913 - all but two by keyword
    notebook: NotebookNode,
    values: Mapping[str, Any],
    *,
    folder: Path,
    failed: Path,
    limits: Limits = _UNLIMITED,
    environment: Mapping[str, str] = _NOTHING,
    cleared: Callable[[NotebookNode], NotebookNode] | None = None,
    progress: Progress = no_progress,
) -> NotebookNode:
    """Run a notebook in a kernel of its own, and return it with its outputs.

    Its clock is UTC; the generators of ``random`` and ``numpy.random`` start from 0. Cells tagged ``results``
    serve tests and do not run.

    Args:
        notebook: the notebook; it is not changed.
        values: parameters; a cell after the one tagged ``parameters`` sets them.
        folder: the working directory of the kernel.
        failed: the file for the notebook with its traceback, if a cell fails.
        limits: what the run may use.
        environment: further variables of the kernel's environment.
        cleared: returns what may be stored of a notebook that failed; default: all of it.
        progress: called before each cell, with its number and how many there are.

    Raises:
        NotebookError: a cell failed, or a limit was reached; the message names it.
        ReportError: no kernel could be started.
    """
    copy = _with_values(notebook, values)
    variables = {**os.environ, **environment, "TZ": "UTC", "PYTHONHASHSEED": "0"}
    try:
        with TemporaryDirectory(prefix="eventsource-", dir=_folder_of_sockets()) as sockets:
            client = _client(copy, folder, sockets, progress)
            with Watch(limits, lambda: _process_of(client)) as watch:
                try:
                    client.execute(env=variables)
                except (CellExecutionError, CellTimeoutError, RuntimeError) as error:
                    message, failure = _failure(copy, error, watch.exceeded)
                    raise NotebookError(
                        message, failure, hint=_write_failed(cleared(copy) if cleared else copy, failed)
                    ) from error
                finally:  # where the kernel has died, nbclient leaves its cleanup behind, which then fails at exit
                    atexit.unregister(client._cleanup_kernel)  # noqa: SLF001 - it has no other handle
    except OSError as error:
        raise ReportError(
            f"the notebook cannot be run: {error}", hint="free some space, also in the folder of temporary files"
        ) from error
    copy.cells = [cell for cell in copy.cells if _SETUP not in cell.metadata.get("tags", [])]
    return copy


def _process_of(client: NotebookClient) -> int | None:
    """Return the process id of a client's kernel; None before it has started."""
    provisioner = getattr(client.km, "provisioner", None)
    return getattr(provisioner, "pid", None)


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
        write_private(notebook, file)
    except OSError as error:
        return f"the traceback could not be written to {file}: {error.strerror or error}"
    return f"see the traceback in {file}"


def write_private(notebook: NotebookNode, file: Path) -> None:
    """Write a notebook so that only its owner can read it: it has code, data and tracebacks."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with atomic_write(file, is_private=True) as draft:
        nbformat.write(notebook, draft)


def _client(notebook: NotebookNode, folder: Path, sockets: str, progress: Progress) -> NotebookClient:
    """Return a client that talks to its kernel over sockets in a folder: ports could be taken, or listened to."""
    config = Config()
    config.KernelManager.transport = "ipc"
    config.KernelManager.ip = f"{sockets}/kernel"
    where = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, timeout=None, kernel_name="python3", resources=where, config=config)
    numbers = numbers_of(notebook)

    def report(cell: NotebookNode, cell_index: int) -> None:  # noqa: ARG001 - nbclient names both
        progress("cell", numbers[cell_index], numbers[-1])

    client.on_cell_start = report
    return client


def numbers_of(notebook: NotebookNode) -> list[int]:
    """Return the number of each cell of a run; cells that the run adds count as the one before."""
    added = {_SETUP, _INJECTED}
    return list(accumulate(int(not added & set(cell.metadata.get("tags", []))) for cell in notebook.cells))


def _with_values(notebook: NotebookNode, values: Mapping[str, Any]) -> NotebookNode:
    """Return a copy with cells that set up the run and the parameters, without cells that only serve tests."""
    copy = nbformat.from_dict(notebook)
    copy.cells = [
        nbformat.from_dict(cell) for cell in notebook.cells if _FOR_TESTS not in cell.metadata.get("tags", [])
    ]
    tagged = [number for number, cell in enumerate(copy.cells) if _TAG in cell.metadata.get("tags", [])]
    if values and tagged:
        source = "\n".join(f"{name} = {as_source(value)}" for name, value in values.items())
        copy.cells.insert(tagged[-1] + 1, _added(source, _INJECTED))
    copy.cells.insert(0, _added(_BEFORE, _SETUP))
    copy.cells.append(_added(_AFTER + _PERSONAL, _SETUP))
    return copy


def _added(source: str, tag: str) -> NotebookNode:
    number = hashlib.sha256(source.encode()).hexdigest()[:8]
    return nbformat.v4.new_code_cell(source, metadata={"tags": [tag]}, id=f"added-{number}")


def _failure(notebook: NotebookNode, error: Exception, exceeded: str | None) -> tuple[str, Failure]:
    """Return one line that says which cell failed, and how; and the same without data."""
    heading, number = "", 0
    for cell, number in zip(notebook.cells, numbers_of(notebook), strict=True):
        if cell.cell_type == "markdown" and (found := _HEADING.search(cell.source)):
            heading = found[1].strip()
        wrong = next((each for each in cell.get("outputs", []) if each.output_type == "error"), None)
        if wrong is not None:
            first = cell.source.strip().splitlines()[0][:_SHOWN] if cell.source.strip() else ""
            message = f"cell {number} ({first}) failed: {wrong.ename}: {wrong.evalue}"
            return message, Failure(str(wrong.ename), heading, number)
        if cell.cell_type == "code" and cell.get("execution_count") is None and cell.source.strip():
            break  # the first cell that has not run, or is running
    if exceeded is not None:
        return f"cell {number}: the notebook was ended: {exceeded}", Failure("limit", heading, number)
    kind = type(error).__name__
    return f"cell {number}: the notebook failed: {kind}: {str(error)[:200]}", Failure(kind, heading, number)
