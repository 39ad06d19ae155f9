"""Filling the log: pull what sources have, look at what could not be taken."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Final

import polars as pl
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from eventsource.cli._config import Project, near
from eventsource.cli._failures import FAILED, UsageError, note
from eventsource.cli._misread import next_step
from eventsource.cli._options import LogOption, grouped
from eventsource.cli._output import Shown, deliver, say
from eventsource.cli._values import harmless
from eventsource.event import Source
from eventsource.log import Log, Pulled, refuse_rejected_lines
from eventsource.log import PullProgress as Read
from eventsource.messages import counted, noun
from eventsource.sources import header

__all__ = ["pull", "rejected"]

_PLACES: Final = 5
_RAW: Final = 200
_KEPT_ASIDE: Final = (
    ("duplicate dropped", "duplicates dropped"),
    (
        "conflict kept aside (the same event_id, other content)",
        "conflicts kept aside (the same event_id, other content)",
    ),
    ("line rejected", "lines rejected"),
)
_PANEL: Final = "Which member of a line is which column"


def _path(column: str, what: str) -> Any:
    return typer.Option(f"--{column}", metavar="PATH", help=what, rich_help_panel=_PANEL)


@dataclass(frozen=True, slots=True)
class Mapped:
    """How lines are read; see `eventsource.source`."""

    event_id: Annotated[str | None, _path("event-id", "Its unique id; dotted, such as meta.id.")] = None
    stream: Annotated[str | None, _path("stream", "The stream it was written to, often the entity.")] = None
    type: Annotated[str | None, _path("type", "What happened.")] = None
    occurred_at: Annotated[str | None, _path("occurred-at", "When it was true.")] = None
    recorded_at: Annotated[str | None, _path("recorded-at", "When the source recorded it.")] = None
    version: Annotated[str | None, _path("version", "Its number within the stream.")] = None
    data: Annotated[str | None, _path("data", "The payload; default: all that is not mapped.")] = None
    metadata: Annotated[str | None, _path("metadata", "What is about the event.")] = None
    constant: Annotated[
        list[str] | None,
        typer.Option(
            "--constant",
            metavar="COLUMN=TEXT",
            help="The same for every line: type=PageView.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    tz: Annotated[str | None, typer.Option("--tz", metavar="ZONE", help="Zone of times that name none.")] = None
    unit: Annotated[str | None, typer.Option("--unit", metavar="s|ms|us|ns", help="Unit of epoch numbers.")] = None
    format: Annotated[
        str | None,
        typer.Option("--format", metavar="jsonl|csv|parquet", help="Default: by the ending of the file."),
    ] = None
    max_line: Annotated[
        int | None, typer.Option("--max-line", metavar="BYTES", min=1, help="Longer lines are rejected.")
    ] = None

    @property
    def given(self) -> dict[str, Any]:
        """What was typed, as arguments of `eventsource.source`."""
        found = {name: value for name, value in asdict(self).items() if value is not None}
        constants = found.pop("constant", [])
        if wrong := [text for text in constants if "=" not in text]:
            raise UsageError(f"{wrong[0]!r} is no constant", hint="--constant type=PageView")
        return found | ({"constants": dict(text.split("=", 1) for text in constants)} if constants else {})


@grouped
def pull(
    mapped: Mapped,
    source: Annotated[
        list[str] | None, typer.Argument(help="Files, folders, globs; default: the project's source.")
    ] = None,
    *,
    log: LogOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Take all lines or nothing.")] = False,
    again: Annotated[
        bool, typer.Option("--rejected", help="Offer the rejected lines of the source again.")
    ] = False,
) -> None:
    """Take what is new in raw event logs into the log."""
    project = Project.find()
    sources = project.sources(source or [], **mapped.given)
    target = Log(log or project.located(project.log))
    if again:
        done = [target.retry(each, strict=strict) for each in sources]
        _say_retried(target, sources, done)
    else:
        if strict:
            refuse_rejected_lines(_names(sources), chain.from_iterable(_unread(target, sources)))
        done = [_pulled(target, each) for each in sources]
    _summary(target, done)


@grouped
def rejected(
    shown: Shown,
    *,
    log: LogOption = None,
    raw: Annotated[bool, typer.Option("--raw", help="The lines as they stood, to mend and pull them.")] = False,
    clear: Annotated[bool, typer.Option("--clear", help="Forget them.")] = False,
) -> None:
    """The lines that could not be taken, and why."""
    target = Project.find().open(log)
    lines = target.rejected()
    if raw:
        deliver(_as_they_stood(lines), shown.output)
    elif not clear:
        whole = shown.form != "table" or shown.output is not None
        shown.show(_readable(lines, None if whole else _RAW), f"Lines that {target.path} could not take")
    if clear:
        note(f"{counted(target.clear_rejected(), 'rejected line')} forgotten")


def _unread(log: Log, sources: Sequence[Source]) -> Iterator[Any]:
    return (each.batches(log.checkpoint(each)) for each in sources)


def _pulled(log: Log, source: Source) -> Pulled:
    with _bar(source) as progress:
        return log.pull(source, progress=progress)


@contextmanager
def _bar(source: Source) -> Iterator[Any]:
    """Show a progress bar where stderr is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(harmless(near(source.name)), total=source.size)

        def show(read: Read) -> None:
            events = f"{harmless(near(source.name))}  {read.appended:,} events"
            bar.update(task, completed=read.read, total=read.size, description=events)

        yield show


def _names(sources: Sequence[Source]) -> str:
    return ", ".join(near(each.name) for each in sources)


def _say_retried(log: Log, sources: Sequence[Source], done: Sequence[Pulled]) -> None:
    if any(each.appended or each.duplicates or each.rejected for each in done):
        return
    others = sorted({near(name) for name in log.rejected()["source"].unique() if name is not None})
    if others:
        note(f"no rejected lines of {_names(sources)} to offer again; there are some of {', '.join(others)}")


def _summary(log: Log, done: Sequence[Pulled]) -> None:
    appended, *others = (
        sum(getattr(each, name) for each in done) for name in ("appended", "duplicates", "conflicts", "rejected")
    )
    seconds = sum(each.seconds for each in done)
    taken = f"{appended:>12,} {noun(appended, 'event')} appended in {seconds:.1f} s"
    say(f"{taken}; {log.path} holds {done[-1].head:,}")
    for count, (one, many) in zip(others, _KEPT_ASIDE, strict=True):
        if count:
            say(f"{count:>12,} {noun(count, one, many)}")
    for line in (*_places(done), *(told for each in done for told in each.notes)):
        say(f"{'':13}{line}", "dim")
    if any(each.conflicts or each.rejected for each in done):
        say(f"{'':13}eventsource rejected  lists them")
    elif earlier := log.rejected().height:
        told = f"{counted(earlier, 'line')} of earlier pulls could not be taken"
        again = "" if appended else "; eventsource pull --rejected  offers them to a mended mapping"
        say(f"{'':13}{told}: eventsource rejected  lists them{again}", "dim")
    if any(each.rejected for each in done) and not any(each.appended or each.duplicates for each in done):
        if hint := next_step(log.rejected().sort("rejected_at", descending=True, maintain_order=True)):
            note(f"Hint: {hint}")
        raise typer.Exit(FAILED)


def _places(done: Sequence[Pulled]) -> Iterator[str]:
    reasons = pl.concat([each.reasons for each in done]).sort("lines", descending=True, maintain_order=True)
    for row in reasons.head(_PLACES).iter_rows(named=True):
        times = f" ({counted(row['lines'], 'line')})" if row["lines"] > 1 else ""
        yield f"{near(row['file'])}:{row['first']}: {row['reason']}{times}"
    if reasons.height > _PLACES:
        yield f"… and {reasons.height - _PLACES:,} more"


def _as_they_stood(lines: pl.DataFrame) -> Iterator[bytes]:
    """Yield rejected lines, those of CSV below the header of their file; what is about a whole file has none."""
    above: bytes | None = None
    for (file,), group in lines.filter(pl.col("raw").bin.size() > 0).group_by("file", maintain_order=True):
        first = None if file is None else header(Path(str(file)))
        if first is not None and first != above:
            yield first + b"\n"
        above = first
        yield from (line + b"\n" for line in group["raw"])


def _readable(lines: pl.DataFrame, most: int | None) -> pl.DataFrame:
    """Return rejected lines with their bytes, at most so many, as text; what is not UTF-8 stands as escapes."""
    raw = [line[:most].decode("utf-8", "backslashreplace") for line in lines["raw"]]
    files = [None if file is None else near(file) for file in lines["file"]]
    return lines.select(
        pl.Series("file", files, pl.String), "line", "reason", pl.Series("raw", raw, pl.String), "rejected_at"
    )
