"""Verifying a page: make it again at the pinned positions, and compare."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from eventsource.errors import DefinitionError, ReportError
from eventsource.log import Log
from eventsource.presentation import MASK
from eventsource.progress import Progress, no_progress
from eventsource.report._bar import page_hash
from eventsource.report._definition import read_definition
from eventsource.report._execute_job import execute_job
from eventsource.report._files import Files
from eventsource.report._job import Job, hash_of_file, job_of, with_key
from eventsource.report._manifest import target_of
from eventsource.report._page_file import manifest_of_page
from eventsource.report._publish import rendered
from eventsource.report._state import LogState, pins_of

__all__ = ["Verified", "model_of_page", "verify"]


@dataclass(frozen=True, slots=True)
class Verified:
    """What came out of making a page again.

    Args:
        page: the page.
        results: how many named results were compared.
        differences: named results that differ: name, value on the page, value now. None: there is none.
        is_same_page: whether the page is the same, byte for byte, but for its bar.
        changed: what it was made of and has changed since, in words.
    """

    page: Path
    results: int
    differences: tuple[tuple[str, Any, Any], ...]
    is_same_page: bool
    changed: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """Whether all named results and the page are the same."""
        return self.is_same_page and not self.differences


def verify(
    page: str | Path,
    *,
    root: str | Path | None = None,
    out: str | Path | None = None,
    progress: Progress = no_progress,
) -> Verified:
    """Run a report again as its page says it was run, and compare; nothing is published.

    Args:
        page: the page, wherever it is by now.
        root: the folder of the project that it was made in. Default: the working directory.
        out: the folder of all pages, which has the key of pseudonyms. Default: ``reports/out`` of the project.
        progress: called before each cell, with its number and how many there are.

    Raises:
        ReportError: it is not the page of a report, its notebook is not there, or it cannot be run.
        LogError: a log of the page is not there, or has fewer events than it had.
    """
    path, base = Path(page), Path(root or Path.cwd())
    html, manifest = manifest_of_page(path)
    states = [LogState.from_dict(members, base) for members in manifest["logs"]]
    job = with_key(_job_again(manifest, states, base), Files(Path(out or base / "reports" / "out")))
    with TemporaryDirectory(prefix="eventsource-verify-") as folder:
        executed = execute_job(job, Files(Path(folder)), progress=progress)
    found = executed.states
    again, inside = rendered(job, manifest["given"], executed)
    before, after = manifest["results"], inside["results"]
    names = dict.fromkeys([*before, *after])
    differences = tuple(
        (name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)
    )
    return Verified(
        path,
        len(names),
        differences,
        page_hash(html) == page_hash(again),
        tuple(_changed(job, manifest, states, found)),
    )


def model_of_page(page: str | Path, root: Path) -> str:
    """Return the model that the definition of a page names, such as ``models:Customer``.

    Args:
        page: the page.
        root: the folder of the project.

    Returns:
        Empty: the page has no definition, or the definition names no model, is gone or is not in the project.
    """
    _, manifest = manifest_of_page(Path(page))
    try:
        return read_definition(target_of(manifest, root)).settings.model if manifest["definition"] else ""
    except ReportError as error:
        if isinstance(error, DefinitionError):
            raise
        return ""


def _job_again(manifest: Mapping[str, Any], states: list[LogState], root: Path) -> Job:
    target = target_of(manifest, root)
    if hidden := [name for name, text in manifest["given"].items() if text == MASK]:
        raise ReportError(
            f"the page does not say what {', '.join(hidden)} was, since its readers may not see it",
            hint="run the report again, and compare the two pages",
        )
    job = job_of(
        target,
        manifest["given"],
        root=root,
        log=states[0].path if states else None,
        now=datetime.fromisoformat(manifest["made"]),
        due=datetime.fromisoformat(manifest["counted_from"]),
        pins=pins_of(states),
    )
    if job.public_values != manifest["parameters"]:
        changed = [name for name, value in job.public_values.items() if manifest["parameters"].get(name) != value]
        raise ReportError(
            f"the parameters of {target.name} have changed since: {', '.join(changed) or 'some are gone'}",
            hint="bring the definition and the notebook back as they were, then verify again",
        )
    return job


def _changed(job: Job, manifest: Mapping[str, Any], states: list[LogState], found: list[LogState]) -> list[str]:
    """Return what has changed since the page was made."""
    own = job.made_of
    sources = [
        f"{path} has changed"
        for path, digest in manifest["sources"].items()
        if (own.get(path) or hash_of_file(job.root / path)) != digest
    ]
    versions = [
        f"{name} is {now}, was {manifest['versions'].get(name)}"
        for name, now in job.manifest({})["versions"].items()
        if manifest["versions"].get(name) != now
    ]
    identities = {state.path: state.identity for state in found}
    logs = [
        f"{Path(state.path).name} is another log"
        for state in states
        if identities.get(state.path, state.identity) != state.identity
    ]
    erased = [
        f"events of {Path(state.path).name} were erased since"
        for state in states
        if "://" not in state.path and _erased_since(state)
    ]
    return [*sources, *versions, *logs, *erased]


def _erased_since(state: LogState) -> bool:
    receipts = Log(state.path).erasure_receipts()
    return "at" in receipts.columns and bool((receipts["at"] > state.at).any())
