"""Running a report: pin the logs, execute the notebook, check, publish.

```text
 job          parameters resolved, logs pinned           the id of the run follows from both
  │
  ├─ a page of this id is there, and what it was made of has not changed?    it is served
  ▼
 execute      in a kernel of its own, with limits
  │                                                      an error, a limit → failure page
  ▼
 results      named results, checks                      a check that does not hold → failure page
  │
  ▼
 publish      page, manifest, latest.html, index         in this order, each file as a whole
```

Runs of one report follow each other, as each holds the lock of the report.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from nbformat import NotebookNode

from eventsource.errors import DefinitionError, EventsourceError, LogError, ReportError
from eventsource.messages import counted
from eventsource.progress import Progress, no_progress
from eventsource.report._checks import ChecksFailedError, broken_checks
from eventsource.report._definition import Definition
from eventsource.report._diff_page import LoadModel
from eventsource.report._execute import Failure, read
from eventsource.report._execute_job import execute_job
from eventsource.report._files import Files
from eventsource.report._job import Job, job_of, report_name, with_key
from eventsource.report._ledger import Ledger
from eventsource.report._limits import Limits
from eventsource.report._parameters import Parameter, declared
from eventsource.report._publish import is_as_fresh, publish, publish_broken, publish_failure, served
from eventsource.report._results import named_results
from eventsource.report._state import LogState, states_of

__all__ = ["ChecksFailedError", "Report", "Status", "parameters", "run"]

Status = Literal["ok", "stale", "failed", "checks"]
"""How a run ended: ``stale`` is a good page of data that are older than its definition allows."""


@dataclass(frozen=True, slots=True)
class Report:
    """The result of `run`.

    Args:
        path: the page.
        name: the name of the report.
        run: the id of the run.
        status: ``ok``, or ``stale``: the data are older than the definition allows.
        notebook: the notebook.
        parameters: the values of all parameters.
        results: the named results.
        manifest: what the page was made of; it is beside the page, and in it.
        size: the size of the page in bytes.
        seconds: the duration of the run.
        is_served: whether the page was there already.
        notes: sentences for the user.
    """

    path: Path
    name: str
    run: str
    status: Status
    notebook: Path
    parameters: Mapping[str, Any]
    results: Mapping[str, Any]
    manifest: Mapping[str, Any]
    size: int
    seconds: float
    is_served: bool = False
    notes: tuple[str, ...] = ()


def parameters(notebook: str | Path) -> list[Parameter]:
    """Return the parameters that a notebook declares.

    Raises:
        ReportError: the notebook cannot be read, or its parameters are not assignments of literals.
    """
    return declared(read(Path(notebook)))


def run(  # noqa: PLR0913 - all but two by keyword
    report: Definition | str | Path,
    given: Mapping[str, str] | None = None,
    *,
    out: str | Path = "reports/out",
    root: str | Path | None = None,
    log: str | None = None,
    now: datetime | None = None,
    due: datetime | None = None,
    fresh: bool = False,
    limits: Limits | None = None,
    load_model: LoadModel | None = None,
    progress: Progress = no_progress,
) -> Report:
    """Run a report, and publish its page: ``out/NAME/RUN.html``, and a copy of it as ``out/NAME/latest.html``.

    The notebook runs in its own folder. Its moments are absolute, and its logs end where they ended when the run
    began. If the same was asked about the same data before, that page is served.

    Args:
        report: a definition, the path of one (``reports/NAME.toml``), or of a notebook.
        given: parameter → text; other parameters keep their defaults.
        out: the folder of all pages.
        root: the folder of the project; paths in manifests are relative to it. Default: the working directory.
        log: the log to pin where the definition names none. Other logs are pinned when the notebook opens them.
        now: when the page is made; default: now.
        due: the moment of a schedule, from which relative moments count; default: ``now``.
        fresh: whether to run again what was asked before.
        limits: what the run may use; default: what the definition says, else ten minutes.
        load_model: returns the plan of the model that a definition names; then the page of changes since the run
            before also says which entities differ.
        progress: called before each cell, with its number and how many there are.

    Raises:
        DefinitionError: the definition is broken; nothing runs.
        ReportError: a parameter is unknown or its value invalid (nothing runs), a cell fails, a limit is reached,
            or the page would be too large. The last good page stays, and says so.
        ChecksFailedError: an expectation of the definition does not hold; likewise.
        LogError: the log cannot be read.
    """
    begin, moment = time.monotonic(), (now or datetime.now(UTC)).astimezone(UTC)
    base, files = Path(root or Path.cwd()), Files(Path(out))
    how = _How(given or {}, fresh, limits, load_model, progress, begin)
    with _naming_folder(files):
        job = with_key(_job(report, how.given, files, root=base, log=log, now=moment, due=due), files)
        with files.lock(job.name):
            return _run(job, files, how)


class _How(NamedTuple):
    """How a report is run; see `run`, and ``begin``: when it was called, by the monotonic clock."""

    given: Mapping[str, str]
    fresh: bool
    limits: Limits | None
    load_model: LoadModel | None
    progress: Progress
    begin: float


@contextmanager
def _naming_folder(files: Files) -> Iterator[None]:
    """Raise an error that names the folder of pages where it cannot be written."""
    try:
        yield
    except (PermissionError, FileNotFoundError) as error:
        if isinstance(error, EventsourceError):  # such as that of a log which lacks a file
            raise
        raise ReportError(
            f"{files.out} cannot be written: {error.strerror or error}", hint="name another folder with --out"
        ) from error


def _job(
    report: Definition | str | Path,
    given: Mapping[str, str],
    files: Files,
    *,
    root: Path,
    log: str | None,
    now: datetime,
    due: datetime | None,
) -> Job:
    """Return the job; a report that cannot even begin gets a failure page, unless it was only called wrongly."""
    try:
        return job_of(report, given, root=root, log=log, now=now, due=due)
    except (DefinitionError, LogError) as error:
        file = report.file if isinstance(report, Definition) else Path(report)
        name = file.stem if file.suffix == ".toml" else report_name(file)
        if file.exists() and not given:
            with Ledger(files.private).recording(name, "", {}, due) as entry:
                entry.finish("failed", type(error).__name__)
                publish_broken(files, name, Failure(type(error).__name__), now)
        raise


def _run(job: Job, files: Files, how: _How) -> Report:
    begin = how.begin
    earlier = files.manifest(job.name, job.run)
    if earlier is not None:
        if not how.fresh and (html := served(job, earlier, files)) is not None:
            if job.due is not None:
                with Ledger(files.private).recording(job.name, job.run, job.public_values, job.due) as entry:
                    entry.finish("stale" if earlier["stale"] else "ok", "as before")
            return _report(job, earlier, files, size=len(html.encode()), begin=begin, is_served=True)
        if is_as_fresh(job, earlier):
            job = _as_earlier(job, earlier)
    with Ledger(files.private).recording(job.name, job.run, job.public_values, job.due) as entry:
        try:
            executed = execute_job(job, files, limits=how.limits, progress=how.progress)
            _check(job, executed.notebook, executed.states)
            manifest = publish(job, how.given, files, executed=executed, begin=begin, load_model=how.load_model)
        except ReportError as error:
            is_check = isinstance(error, ChecksFailedError)
            failure = getattr(error, "failure", Failure(type(error).__name__))
            entry.finish("checks" if is_check else "failed", failure.kind)
            with suppress(ReportError):  # the disk may be full: the first error says more
                publish_failure(job, files, failure)
            raise
        entry.finish("stale" if manifest["stale"] else "ok", "")
    return _report(job, manifest, files, size=int(manifest["size"]), begin=begin)


def _check(job: Job, done: NotebookNode, states: Sequence[LogState]) -> None:
    """Check what the definition demands.

    Raises:
        ChecksFailedError: it does not hold.
    """
    if job.definition is None:
        return
    broken = broken_checks(job.definition.settings.checks, states, named_results(done))
    if broken:
        failure = Failure("checks", checks=tuple(each.check for each in broken))
        raise ChecksFailedError(f"{job.name}: " + "; ".join(each.why for each in broken), failure)


def _as_earlier(job: Job, earlier: Mapping[str, Any]) -> Job:
    """Return a job that pins its logs at the moment at which an earlier run of the same id did."""
    made = datetime.fromisoformat(earlier["made"])
    return replace(job, now=made, states=tuple(replace(state, at=made) for state in job.states))


def _report(
    job: Job, manifest: Mapping[str, Any], files: Files, *, size: int, begin: float, is_served: bool = False
) -> Report:
    return Report(
        files.page(job.name, str(manifest["run"])),
        job.name,
        str(manifest["run"]),
        "stale" if manifest["stale"] else "ok",
        job.notebook,
        job.values,
        manifest["results"],
        manifest,
        size,
        time.monotonic() - begin,
        is_served,
        tuple(_notes(job)),
    )


def _notes(job: Job) -> list[str]:
    """Return what a user should know: a log that grew during the run."""
    grown = states_of([state.path for state in job.states], job.now)
    before = {state.path: state.position for state in job.states}
    return [
        f"{Path(state.path).name} got {counted(state.position - before[state.path], 'event')} since the run began"
        for state in grown
        if state.position > before[state.path]
    ]
