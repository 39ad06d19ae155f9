"""The form of manifests. They are files that others may have changed, and pages that someone handed over.

A manifest says of what a page was made::

    {"report": "premium", "run": "2024-06-30T…-1a2b3c4d", "logs": [{"path": "data/log", "position": 900, …}], …}

What has another form does not count as a manifest. A manifest names files, but none outside of its project is read
or run because of that.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from eventsource.errors import ReportError

__all__ = ["GOOD", "page_manifest", "published_manifest", "target_of"]

GOOD: Final = ("ok", "stale")
"""The statuses of runs that have a page of figures."""


class _Log(msgspec.Struct):
    path: str
    identity: str
    position: int
    pinned_at: datetime
    last_occurred_at: datetime | None
    last_recorded_at: datetime | None
    rejected: int


class _Manifest(msgspec.Struct):
    """What every manifest has; other members are allowed."""

    report: str
    run: str
    title: str
    description: str
    notebook: str
    shown: list[tuple[str, str]]
    series: str
    made: datetime
    logs: list[_Log]


class _OfPage(_Manifest):
    """What a page contains."""

    definition: str | None
    parameters: dict[str, Any]
    given: dict[str, str]
    counted_from: datetime
    versions: dict[str, str]
    sources: dict[str, str]
    results: dict[str, Any]


class _Published(_Manifest):
    """What the file beside a page contains, that of a failure too."""

    status: str
    stale: bool
    results: dict[str, Any]
    asked: datetime | None = None
    headline: str = ""


class _Good(_Published, kw_only=True):
    """What the file beside a page of figures contains."""

    sources: dict[str, str]
    max_age: str
    page_sha256: str
    size: int


def page_manifest(members: Any) -> dict[str, Any] | None:
    """Return what a page contains as a manifest, or None if it has another form."""
    return _checked(members, _OfPage)


def published_manifest(members: Any, *, report: str, run: str) -> dict[str, Any] | None:
    """Return the manifest in the file of a run, or None if it has another form or is that of another run."""
    found = _checked(members, _Published)
    if not found or (found["report"], found["run"]) != (report, run):
        return None
    return _checked(found, _Good) if found["status"] in GOOD else found


def target_of(manifest: Mapping[str, Any], root: Path) -> Path:
    """Return the definition, or else the notebook, of which a page was made.

    Args:
        manifest: what `page_manifest` returned.
        root: the folder of the project.

    Raises:
        ReportError: it is not there, or not in the project: a page must not choose what is run.
    """
    target = root / str(manifest["definition"] or manifest["notebook"])
    if not target.resolve().is_relative_to(root.resolve()):
        raise ReportError(
            f"{target}, of which the page was made, is not in the project {root}",
            hint="verify only pages of your own projects, each in the folder of its project",
        )
    if not target.is_file():
        raise ReportError(
            f"{target}, of which the page was made, does not exist",
            hint="verify the page in the folder of its project",
        )
    return target


def _checked(members: Any, form: type[_Manifest]) -> dict[str, Any] | None:
    try:
        msgspec.convert(members, form)
    except (msgspec.ValidationError, RecursionError):
        return None
    found: dict[str, Any] = members
    return found
