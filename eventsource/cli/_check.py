"""The command `check`: the findings about a log, as tables or JSON."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import polars as pl
from click.exceptions import Exit
from rich.console import Console
from rich.text import Text

from eventsource.check import Findings, check_files, check_log
from eventsource.cli._config import Project, short_path
from eventsource.cli._errors import FAILED, UsageError
from eventsource.cli._formats import as_json, json
from eventsource.cli._models import load_plan
from eventsource.cli._options import LogOption, ModelOption
from eventsource.cli._output import OutputOption, deliver
from eventsource.cli._parameters import Option
from eventsource.cli._table import print_table
from eventsource.cli._terminal import console, harmless, say
from eventsource.log import Log
from eventsource.messages import counted
from eventsource.plan import Plan

__all__ = ["check"]


def check(
    log: LogOption = None,
    *,
    model: ModelOption = None,
    form: Annotated[
        Literal["table", "json"], Option("--format", "-f", help="How to show the findings.")
    ] = "table",
    output: OutputOption = None,
    limit: Annotated[
        int,
        Option("--limit", "-n", metavar="ROWS", min=0, help="Show at most this many rows of each table; 0: all."),
    ] = 100,
    deep: Annotated[
        bool,
        Option("--deep", help="First decode all files, and list those that are damaged with their positions."),
    ] = False,
) -> None:
    """Read the whole log; report faults, oddities and what it contains.

    Types of events that no field of the model names are among the oddities.

    Faults are gaps in positions, duplicate ids and unreadable payloads; the exit code is then 1. --deep compares
    each file with what Delta and Parquet know of it: size, rows, statistics, and checksums where there are some.
    If a file is damaged, nothing else is checked.
    """
    project = Project.find()
    target, models = project.open(log), _models(project, model)
    if deep:
        _check_files(target, form, output)
    with Console(stderr=True).status("reading the log", spinner="dots"):
        findings = check_log(target, models)
    if form == "json" or output is not None:
        deliver(_members(findings), output)
    else:
        _print(target.path, findings, limit)
    if findings.faults:
        raise Exit(FAILED)


def _models(project: Project, name: str | None) -> list[Plan]:
    """Return the model that is asked for, or that of the project, if it has one that can be imported."""
    if name is not None:
        return [load_plan(name, project.folder)]
    with contextlib.suppress(UsageError):
        return [load_plan(project.model, project.folder)]
    return []


def _check_files(log: Log, form: Literal["table", "json"], output: Path | None) -> None:
    """Report damaged files, and exit if there are some."""
    with Console(stderr=True).status("decoding the files", spinner="dots"):
        damaged = check_files(log)
    if damaged.is_empty():
        return
    if form == "json" or output is not None:
        deliver([b'{"damaged":', b"".join(as_json(damaged)).strip(), b"}\n"], output)
    else:
        say(f"{log.path}: {counted(damaged['file'].n_unique(), 'file')} damaged", "bold")
        for file, first, last, problem in damaged.iter_rows():
            where = "" if first is None else f", positions {first:,} to {last:,}"
            console().print(Text("  ✗ ", style="bold red").append(harmless(f"{file}{where}: {problem}")))
        say("Restore these files from a backup. Nothing else was checked, and nothing was changed.")
    raise Exit(FAILED)


def _print(path: str, found: Findings, limit: int) -> None:
    out = console()
    head = f"{path}: {counted(found.events, 'event')} in {counted(found.streams, 'stream')}"
    say(head, "bold")
    for fault in found.faults:
        out.print(Text("  ✗ ", style="bold red").append(harmless(fault)))
    if not found.faults:
        out.print(Text("  ✓ ", style="green").append("positions without gaps, ids unique, payloads readable"))
    for line in found.notes:
        out.print(Text("  · ", style="yellow").append(harmless(line)))
    for title, table in _tables(found):
        if table.height:
            out.print()
            print_table(out, table, tz=Project.find().tz, title=title, limit=limit)


def _tables(found: Findings) -> Iterator[tuple[str, pl.DataFrame]]:
    yield "Types", found.types
    every = "" if found.sampled == found.events else f", from a sample of {counted(found.sampled, 'event')}"
    percent = (pl.col("share") * 100).round(1).alias("% of events")
    yield f"Members of payloads{every}", _by_member(found.members)
    yield "Streams whose times run backwards, the worst first", found.skew.with_columns(percent).drop("share")
    yield "Streams whose versions leave doubt about their order, the worst first", found.versions
    files = pl.Series(
        "file", [None if file is None else short_path(file) for file in found.rejected["file"]], pl.String
    )
    yield "Rejected lines, and where the first one of each reason is", found.rejected.with_columns(files)
    yield "Corrections without effect", found.corrections


def _by_member(members: pl.DataFrame) -> pl.DataFrame:
    """Return one row per member, with the types that have it: ``Moved, Paid 50 %`` (a share only below 100 %)."""
    share = (pl.col("share") * 100).round(1)
    shown = pl.when(share < 100).then(pl.format("{} {} %", "type", share)).otherwise("type")  # noqa: PLR2004 - percent
    kinds = pl.col("kinds").str.split(", ").explode().unique().sort().str.join(", ")
    groups = members.sort("share", "type", descending=[True, False]).group_by("member", maintain_order=True)
    found = groups.agg(kinds, types=shown.str.join(", "), count=pl.len())
    return found.sort("count", descending=True, maintain_order=True).drop("count")


def _members(found: Findings) -> Iterator[bytes]:
    """Yield all findings as one JSON object."""
    plain = {name: getattr(found, name) for name in ("events", "streams", "faults", "notes", "sampled")}
    yield json(plain)[:-1]
    for name in ("types", "members", "skew", "versions", "rejected", "unnamed", "corrections"):
        yield b',\n"' + name.encode() + b'":' + b"".join(as_json(getattr(found, name))).strip()
    yield b"}\n"
