"""Publishing: a page and its manifest, or a failure page; then the newest page, the bars and the index."""

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import msgspec.structs
from nbformat import NotebookNode

from eventsource.errors import ReportError
from eventsource.presentation import Readers
from eventsource.report._bar import page_hash, plain_page
from eventsource.report._checks import freshness_of
from eventsource.report._diff_page import LoadModel, write_diffs
from eventsource.report._execute import Failure, write_private
from eventsource.report._execute_job import Executed
from eventsource.report._files import FAILED, Files
from eventsource.report._job import FORMAT, Job, hash_of_file
from eventsource.report._links import with_links
from eventsource.report._manifest import GOOD
from eventsource.report._page import page
from eventsource.report._redact import check_page, private_copy, redacted
from eventsource.report._renew import about_of, renew, series_of_run
from eventsource.report._results import named_results
from eventsource.report._state import LogState
from eventsource.report._utc_minutes import utc_minute

__all__ = [
    "is_as_fresh",
    "publish",
    "publish_broken",
    "publish_failure",
    "rendered",
    "served",
]

_REASONS: Final = {
    "limit": "A limit of time or memory was reached.",
    "checks": "A check does not hold.",
    "DefinitionError": "Its definition is broken.",
    "LogError": "Its log cannot be read.",
}


def rendered(job: Job, given: Mapping[str, str], executed: Executed) -> tuple[str, dict[str, Any]]:
    """Return the page of an executed notebook, and its manifest as the page contains it.

    The same job and the same outputs give the same bytes.

    Raises:
        ReportError: the page would be too large.
        ChecksFailedError: it would show its readers personal values.
    """
    done, states = _seen(job, executed), executed.states
    settings = job.definition.settings if job.definition else None
    fresh = freshness_of(states, settings.checks.max_age if settings else "", job.now)
    manifest = job.manifest(given) | {
        "logs": [state.to_dict(job.root) for state in states],
        "sources": {**job.made_of, **executed.sources},
        "results": named_results(done),
        "checks": list(settings.checks.expect) if settings else [],
        "max_age": settings.checks.max_age if settings else "",
        "stale": fresh is not None and fresh.is_stale,
    }
    about = replace(about_of(manifest), freshness=fresh, manifest=manifest)
    html = page(with_links(done), about)
    if executed.personal is not None and job.audience is not None:
        check_page(html, done, executed.personal, job.audience)
    return html, manifest


def _seen(job: Job, executed: Executed) -> NotebookNode:
    """Return an executed notebook with the outputs that its readers may see."""
    if executed.personal is None or job.audience is None:
        return executed.notebook
    asked = {"audience": msgspec.to_builtins(job.audience), "key": job.key.hex()}
    hides = msgspec.structs.replace(Readers.from_dict(asked), personal=dict(executed.personal.columns))
    return redacted(executed.notebook, hides)


def publish(
    job: Job,
    given: Mapping[str, str],
    files: Files,
    *,
    executed: Executed,
    begin: float,
    load_model: LoadModel | None = None,
) -> dict[str, Any]:
    """Write the page of a run with all that belongs to it; return its manifest.

    Raises:
        ReportError: the page would be too large, or a file cannot be written.
        ChecksFailedError: the page would show its readers personal values.
    """
    html, inside = rendered(job, given, executed)
    settings = job.definition.settings if job.definition else None
    manifest = inside | {
        "status": "stale" if inside["stale"] else "ok",
        "headline": settings.headline if settings else "",
        "page_sha256": page_hash(html),
        "size": len(html.encode()),
        "seconds": round(time.monotonic() - begin, 3),
        "asked": datetime.now(UTC).isoformat(),
    }
    try:
        done = executed.notebook
        if executed.personal is not None:
            done = private_copy(_seen(job, executed), executed.personal)
        write_private(done, files.executed(job.name, job.run))
    except OSError as error:
        raise ReportError(f"the executed notebook cannot be written: {error}", hint="free some space") from error
    files.write(files.page(job.name, job.run), html)
    files.write_manifest(manifest)
    _retire(files, job)
    write_diffs(
        files,
        series_of_run(files, job.name, job.run),
        job.run,
        model=settings.model if settings else "",
        load_model=None if job.audience else load_model,  # which entities moved is not for others
        root=job.root,
    )
    renew(files, job.name, job.run)
    return manifest


def publish_failure(job: Job, files: Files, failure: Failure) -> None:
    """Write the page of a run that failed; the last good page stays and gets a warning.

    Raises:
        ReportError: it cannot be written.
    """
    manifest = job.manifest({}) | {"logs": [state.to_dict(job.root) for state in job.states]}
    _publish_failure(manifest | {"run": f"{job.run}{FAILED}"}, files, failure)


def publish_broken(files: Files, report: str, failure: Failure, now: datetime) -> None:
    """Write the failure page of a report that could not even begin, since its definition or its log is broken.

    Raises:
        ReportError: it cannot be written.
    """
    manifest = {
        "format": FORMAT,
        "report": report,
        "run": f"{now:%Y-%m-%dT%H%M%S}-00000000{FAILED}",
        "title": report,
        "description": "",
        "notebook": "",
        "shown": [],
        "series": "",
        "made": now.isoformat(timespec="seconds"),
        "logs": [],
    }
    _publish_failure(manifest, files, failure)


def _publish_failure(described: Mapping[str, Any], files: Files, failure: Failure) -> None:
    reason = _REASONS.get(failure.kind, f"An error of the kind {failure.kind} ended it.")
    below = f", below “{failure.where}”" if failure.where else ""
    report, run = str(described["report"]), str(described["run"])
    is_good = any(manifest["status"] in GOOD for manifest in files.manifests(report))
    manifest = {
        **described,
        "status": "checks" if failure.kind == "checks" else "failed",
        "stale": False,
        "results": {},
        "reason": reason,
        "checks": list(failure.checks),
        "asked": datetime.now(UTC).isoformat(),
    }
    html = plain_page(
        "failure.html",
        title=described["title"],
        run=run,
        made=utc_minute(described["made"]),
        reason=reason,
        where=f"cell {failure.cell}{below}" if failure.cell else "",
        checks=list(failure.checks),
        good="latest.html" if is_good else "",
    )
    files.write(files.page(report, run), html)
    files.write_manifest(manifest)
    if not is_good:
        files.write(files.latest(report), html)
    renew(files, report, run)


def served(job: Job, manifest: Mapping[str, Any], files: Files) -> str | None:
    """Return the page of an earlier run of the same id; None: it must be made again.

    It must where the page or a module that the notebook imports has changed, where another log that it read has
    grown, or where the data have become older than they may be.
    """
    try:
        html = files.page(job.name, job.run).read_text(encoding="utf-8")
    except OSError:
        return None
    if page_hash(html) != manifest.get("page_sha256") or manifest.get("status") not in GOOD:
        return None
    own = job.made_of
    sources = {path: digest for path, digest in manifest["sources"].items() if path not in own}
    if any(hash_of_file(job.root / path) != digest for path, digest in sources.items()):
        return None
    states = [LogState.from_dict(members, job.root) for members in manifest["logs"]]
    pinned = {state.path for state in job.states}
    others = [state for state in states if state.path not in pinned]
    if any(LogState.of(state.path, None, job.now).position != state.position for state in others):
        return None
    if not is_as_fresh(job, manifest):
        return None
    files.write_manifest({**manifest, "asked": datetime.now(UTC).isoformat()})
    renew(files, job.name, job.run)
    return html


def is_as_fresh(job: Job, manifest: Mapping[str, Any]) -> bool:
    """Return whether the data that a page was made of are now as fresh, or as stale, as it says."""
    states = [LogState.from_dict(members, job.root) for members in manifest["logs"]]
    fresh = freshness_of(states, str(manifest["max_age"]), job.now)
    is_stale = fresh is not None and fresh.is_stale
    return is_stale == bool(manifest["stale"])


def _retire(files: Files, job: Job) -> None:
    """Remove the failure of the run that has now succeeded, and runs beyond those that the definition keeps."""
    files.remove(job.name, f"{job.run}{FAILED}")
    keep = job.definition.settings.keep if job.definition else 0
    if keep:
        runs = [manifest["run"] for manifest in files.manifests(job.name) if manifest["run"] != job.run]
        for run in runs[: max(len(runs) + 1 - keep, 0)]:
            files.remove(job.name, run)
