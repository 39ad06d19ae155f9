"""The commands `pull` and `rejected`: fill the log, and look at the lines that were rejected."""

import time
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Final

import polars as pl
from click.exceptions import Exit
from msgspec import Struct

from eventsource.cli._config import Project, short_path
from eventsource.cli._errors import FAILED, UsageError
from eventsource.cli._follow_pull import FollowOptions, follow_sources
from eventsource.cli._mapping import MappingOptions
from eventsource.cli._options import LogOption
from eventsource.cli._output import OutputOptions, deliver
from eventsource.cli._parameters import Argument, Option
from eventsource.cli._progress import Bar
from eventsource.cli._pull_advice import advice
from eventsource.cli._terminal import complain, note, say
from eventsource.errors import EventsourceError
from eventsource.event import LagSource, Source
from eventsource.log import CONFLICT_REASON, Log, Pulled, PullProgress, refuse_rejected_lines
from eventsource.messages import counted, noun
from eventsource.sources import csv_header

__all__ = ["pull", "rejected"]

_REASONS: Final = 5
"""Causes of rejected lines and conflicts that the summary of a pull names."""
_RAW: Final = 200
"""Bytes of a rejected line that a table shows."""
_IS_CONFLICT: Final = pl.col("reason").str.starts_with(CONFLICT_REASON)
_NOT_APPENDED: Final = (
    ("duplicate dropped", "duplicates dropped"),
    ("conflict rejected (same event_id, other content)", "conflicts rejected (same event_id, other content)"),
    ("line rejected", "lines rejected"),
)


class PullOptions(Struct, frozen=True):
    """What a pull reads, and what it refuses."""

    strict: Annotated[bool, Option("--strict", help="Append nothing if any line would be rejected.")] = False
    rejected: Annotated[
        bool,
        Option(
            "--rejected",
            help="Read the rejected lines of the source again, after a file or the mapping was corrected.",
        ),
    ] = False
    again: Annotated[
        bool, Option("--again", help="Read the files from their start. Events with known ids stay as they are.")
    ] = False
    allow_repeated_ids: Annotated[
        bool, Option("--allow-repeated-ids", help="Keep the first event of each id, even if many differ.")
    ] = False
    allow_rejected: Annotated[
        bool, Option("--allow-rejected", help="Exit with code 0 although lines were rejected or in conflict.")
    ] = False
    no_index: Annotated[
        bool,
        Option("--no-index", help="Leave the index of the project's model to the first question about it."),
    ] = False
    workers: Annotated[
        int | None,
        Option(
            "--workers",
            metavar="N",
            help="How many processes decode large files; 1: none but the pull itself. Default: "
            "EVENTSOURCE_WORKERS, or one per processor, at most 8.",
        ),
    ] = None


def pull(
    how: PullOptions,
    mapping: MappingOptions,
    service: FollowOptions,
    source: Annotated[
        list[str] | None,
        Argument(
            metavar="FILE|URL",
            help="Files, folders, globs, URLs of stores, or names of sources in pyproject.toml. Default: all of "
            "these sources.",
        ),
    ] = None,
    *,
    log: LogOption = None,
) -> None:
    """Append the new events of raw files to the log.

    The log remembers how far it has read each file (the checkpoint), so pulling again is idempotent: only new
    lines are read, and events with a known id are dropped. Lines that cannot be read become rejected lines (dead
    letters). A URL names a store, such as postgresql://user@host/database, with options such as --table.

    With --follow it pulls again and again, until SIGTERM or Ctrl-C. After a failure of a store or of the log it
    tries again, with growing pauses.

    If the project names a model, its index is brought up to date as well, so that its first question only reads.
    A model that cannot be imported is reported; the events are in the log nevertheless.

    The exit code is 0 if all lines were taken, or known already. It is 1 if lines were rejected, or conflict with
    an event of the same id.
    """
    project = Project.find()
    more = {} if how.workers is None else {"workers": how.workers}
    sources = project.sources(source or [], **mapping.given, **more)
    target = Log(log or project.located(project.log))
    if service.follow:
        _follow(target, sources, how, service)
        return
    if how.rejected:
        done = [target.retry(each, strict=how.strict) for each in sources]
        _note_other_sources(target, sources, done)
    else:
        if how.strict:
            refuse_rejected_lines(
                _names(sources),
                chain.from_iterable(
                    each.batches({} if how.again else target.checkpoint(each)) for each in sources
                ),
            )
        done = [_pulled(target, each, how) for each in sources]
    _summary(target, done, mapping)
    is_own = log in (None, project.log, project.located(project.log))
    if is_own and not how.no_index and any(each.appended for each in done):
        _index_events(target, project)
    if not how.allow_rejected and any(each.rejected or each.conflicts for each in done):
        raise Exit(FAILED)


def rejected(
    shown: OutputOptions,
    *,
    log: LogOption = None,
    raw: Annotated[
        bool, Option("--raw", help="Write the lines as they are in their files, to correct and pull them.")
    ] = False,
    clear: Annotated[bool, Option("--clear", help="Forget all rejected lines.")] = False,
) -> None:
    """List the lines that could not be read, and why (the dead letters)."""
    target = Project.find().open(log)
    lines = target.rejected()
    if raw:
        if conflicts := lines.filter(_IS_CONFLICT).height:
            them = noun(conflicts, "it was", "they were")
            note(f"{counted(conflicts, 'conflict')} left out, as {them} read; they are in: eventsource rejected")
        deliver(_raw_lines(lines), shown.output)
    elif not clear:
        whole = shown.form != "table" or shown.output is not None
        rows = _readable(lines, None if whole else _RAW)
        if not whole:
            rows = rows.with_columns(pl.col("file").str.split("/").list.last())
        shown.show(rows, f"Rejected lines of {target.path}", readable="reason")
    if clear:
        note(f"{counted(target.clear_rejected(), 'rejected line')} forgotten")


def _pulled(log: Log, source: Source, how: PullOptions) -> Pulled:
    """Pull a source, with a progress bar: bytes of files, or events of a store that knows how many there are."""
    name, size = short_path(source.name), source.size
    with Bar(in_bytes=size is not None) as bar:
        if size is None and bar.is_shown and isinstance(source, LagSource):
            size = source.lag({} if how.again else log.checkpoint(source)).events

        def show(progress: PullProgress) -> None:
            bar.draw(f"{name}  {progress.appended:,} events", progress.read, size)

        bar.draw(name, 0, size)
        return log.pull(source, again=how.again, allow_repeated_ids=how.allow_repeated_ids, progress=show)


def _index_events(log: Log, project: Project) -> None:
    """Bring the index of the project's model up to date; say how long that took, or why it was not possible.

    This is done after the pull, not beside it: decoding lines and decoding payloads need the same cores.
    """
    if project.model is None:
        return
    from eventsource.cli._models import load_plan
    from eventsource.index import Index

    begin = time.monotonic()
    try:
        with Bar() as bar:
            if Index(log, load_plan(project.model, project.folder), progress=bar).update():
                say(f"{'':13}index of {project.model}: {time.monotonic() - begin:.1f} s", "dim")
    except EventsourceError as error:
        complain(
            "Warning", f"the events are in the log, but the index of {project.model} was not updated: {error}"
        )


def _follow(log: Log, sources: Sequence[Source], how: PullOptions, service: FollowOptions) -> None:
    """Pull until a signal; a line that is rejected does not end the service."""
    if how.strict or how.rejected or how.again:
        raise UsageError(
            "--follow cannot be combined with --strict, --rejected or --again: it pulls what is new",
            hint="leave one of them out",
        )
    follow_sources(log, sources, service, lambda each: log.pull(each, allow_repeated_ids=how.allow_repeated_ids))


def _names(sources: Sequence[Source]) -> str:
    return ", ".join(short_path(each.name) for each in sources)


def _note_other_sources(log: Log, sources: Sequence[Source], done: Sequence[Pulled]) -> None:
    if any(each.appended or each.duplicates or each.rejected for each in done):
        return
    others = sorted({short_path(name) for name in log.rejected()["source"].unique() if name is not None})
    if others:
        note(f"{_names(sources)} has no rejected lines; these sources have some: {', '.join(others)}")


def _summary(log: Log, done: Sequence[Pulled], mapping: MappingOptions) -> None:
    """Print what a pull did, and advice if it appended nothing and rejected lines."""
    appended, *others = (
        sum(getattr(each, name) for each in done) for name in ("appended", "duplicates", "conflicts", "rejected")
    )
    others[0] -= others[1]  # conflicts are duplicates too, and are counted apart
    seconds = sum(each.seconds for each in done)
    events = f"{appended:>12,} {noun(appended, 'event')}"
    say(f"{events} appended in {seconds:.1f} s; {log.path} holds {done[-1].head:,}")
    for count, (one, many) in zip(others, _NOT_APPENDED, strict=True):
        if count:
            say(f"{count:>12,} {noun(count, one, many)}")
    for line in (*_reasons(done), *(text for each in done for text in each.notes)):
        say(f"{'':13}{line}", "dim")
    if any(each.conflicts or each.rejected for each in done):
        say(f"{'':13}list them: eventsource rejected")
    elif earlier := log.rejected().height:
        again = "" if appended else "; read them again with a corrected mapping: eventsource pull --rejected"
        say(f"{'':13}{counted(earlier, 'rejected line')} of earlier pulls: eventsource rejected{again}", "dim")
    if any(each.rejected for each in done):
        newest = log.rejected().filter(~_IS_CONFLICT, pl.col("rejected_at") == pl.col("rejected_at").max())
        is_all = not any(each.appended or each.duplicates for each in done)
        given = mapping.given
        hint = advice(newest, is_all=is_all, given={*given, *given.get("constants", ())})
        if hint is not None:
            complain("Hint", hint)


def _reasons(done: Sequence[Pulled]) -> Iterator[str]:
    """Yield why lines were rejected: the most frequent reasons, each with its first line."""
    reasons = pl.concat([each.reasons for each in done]).sort("lines", descending=True, maintain_order=True)
    for row in reasons.head(_REASONS).iter_rows(named=True):
        times = f" (first of {row['lines']:,} such lines)" if row["lines"] > 1 else ""
        where = "" if row["file"] is None else f"{short_path(row['file'])}:{row['first']}: "
        yield f"{where}{row['reason']}{times}"
    if reasons.height > _REASONS:
        yield f"… and {reasons.height - _REASONS:,} more"


def _raw_lines(lines: pl.DataFrame) -> Iterator[bytes]:
    """Yield rejected lines; lines of CSV are below the header of their file.

    The bytes are those of the file, so in its encoding. A rejection of a whole file has no line. The line of a
    conflict was read, and the log has its event only. If the first line was rejected, there is no header.
    """
    above: bytes | None = None
    is_line = (pl.col("raw").bin.size() > 0) & ~_IS_CONFLICT
    for (file,), group in lines.filter(is_line).group_by("file", maintain_order=True):
        has_header = file is not None and group["line"].min() != 1
        first = csv_header(Path(str(file))) if has_header else None
        if first is not None and first != above:
            yield first + b"\n"
        above = first
        yield from (line + b"\n" for line in group["raw"])


def _readable(lines: pl.DataFrame, most: int | None) -> pl.DataFrame:
    """Return rejected lines with their first bytes as text; bytes that are not UTF-8 become escapes."""
    raw = [line[:most].decode("utf-8", "backslashreplace") for line in lines["raw"]]
    files = [None if file is None else short_path(file) for file in lines["file"]]
    return lines.select(
        pl.Series("file", files, pl.String), "line", "reason", pl.Series("raw", raw, pl.String), "rejected_at"
    )
