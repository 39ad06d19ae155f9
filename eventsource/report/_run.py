"""Running a report: from the path of a notebook to the file of its page."""

import hashlib
import platform
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from nbformat import NotebookNode

from eventsource.atomic_write import atomic_write
from eventsource.errors import ReportError
from eventsource.report._about import About
from eventsource.report._execute import execute, read
from eventsource.report._page import page, title_of
from eventsource.report._parameters import Parameter, declared, resolved

__all__ = ["Report", "parameters", "run"]

_VERSIONS: Final = ("eventsource-workbench", "polars", "altair", "vl-convert-python", "nbconvert")
_TIMEOUT: Final = 600
_LONGEST_NAME: Final = 80


@dataclass(frozen=True, slots=True)
class Report:
    """The result of `run`.

    Args:
        path: the page.
        notebook: the notebook.
        parameters: the values of all parameters.
        manifest: what the page was made from; the page contains it too.
        size: the size of the page in bytes.
        seconds: the duration of the run.
    """

    path: Path
    notebook: Path
    parameters: Mapping[str, Any]
    manifest: Mapping[str, Any]
    size: int
    seconds: float


def parameters(notebook: str | Path) -> list[Parameter]:
    """Return the parameters that a notebook declares.

    Raises:
        ReportError: the notebook cannot be read, or its parameters are not assignments of literals.
    """
    return declared(read(Path(notebook)))


def run(
    notebook: str | Path,
    given: Mapping[str, str] | None = None,
    *,
    out: str | Path = "reports/out",
    timeout: int = _TIMEOUT,
    now: datetime | None = None,
) -> Report:
    """Run a notebook and write it as one page.

    Args:
        notebook: the path of the notebook; it runs in its own folder.
        given: parameter → text; other parameters keep their defaults.
        out: the folder for the page.
        timeout: seconds that one cell may take.
        now: the moment that relative dates are counted from; default: now.

    Raises:
        ReportError: a parameter is unknown or its value invalid (nothing runs), a cell fails, or the page would be
            larger than 5 MB. The page of an earlier run stays as it is.
    """
    begin, source = time.monotonic(), Path(notebook)
    raw = read(source)
    values = resolved(declared(raw), given or {}, now=now)
    path = Path(out) / f"{_name(source, given or {}, values)}.html"
    failed = path.with_suffix(".failed.ipynb")
    done = execute(raw, values, folder=source.resolve().parent, timeout=timeout, failed=failed)
    made = (now or datetime.now(UTC)).astimezone(UTC)
    manifest = _manifest(source, raw, values, made)
    shown = tuple(
        (name, "–" if value is None else str(value))
        for name, value in values.items()
        if name in (given or {}) or "/" not in str(value)  # paths of this machine stay private
    )
    html = page(done, About(title_of(raw, source.stem), made, parameters=shown, manifest=manifest))
    _replace(path, html)
    failed.unlink(missing_ok=True)
    return Report(path, source, values, manifest, len(html.encode()), time.monotonic() - begin)


def _manifest(source: Path, notebook: NotebookNode, values: Mapping[str, Any], made: datetime) -> dict[str, Any]:
    """Return what a page is made from: code, parameters, time and versions."""
    code = "\n".join(cell.source for cell in notebook.cells)
    return {
        "notebook": source.name,
        "sha256": hashlib.sha256(code.encode()).hexdigest(),
        "parameters": {
            name: value if isinstance(value, int | float) else str(value) for name, value in values.items()
        },
        "made": made.isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _VERSIONS},
    }


def _name(source: Path, given: Mapping[str, str], values: Mapping[str, Any]) -> str:
    """Return the page's name: notebook and given parameters, in letters that every file system allows."""
    wanted = "--".join([source.stem, *(f"{name}-{values[name]}" for name in sorted(given))])
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", wanted).strip("-.")[:_LONGEST_NAME]
    return name if name == wanted else f"{name}-{hashlib.sha256(wanted.encode()).hexdigest()[:8]}"


def _replace(path: Path, html: str) -> None:
    """Write a page as a whole: readers see the old page or the new one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as draft:
            draft.write_text(html, encoding="utf-8")
    except OSError as error:
        raise ReportError(
            f"{path} cannot be written: {error.strerror or error}",
            hint="free some space, or name another folder with --out; the page of an earlier run is as before",
        ) from error
