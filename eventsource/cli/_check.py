"""Checking the log, on the screen."""

from collections.abc import Iterator
from typing import Annotated, Literal

import polars as pl
import typer
from rich.console import Console
from rich.text import Text

from eventsource.check import Findings, check_log
from eventsource.cli._config import Project, near
from eventsource.cli._failures import FAILED
from eventsource.cli._formats import as_json
from eventsource.cli._options import LogOption, grouped
from eventsource.cli._output import OutputOption, console, deliver, say
from eventsource.cli._table import print_table
from eventsource.cli._values import harmless, json
from eventsource.messages import counted

__all__ = ["check"]


@grouped
def check(
    log: LogOption = None,
    *,
    form: Annotated[Literal["table", "json"], typer.Option("--format", "-f", help="How to show it.")] = "table",
    output: OutputOption = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="Rows of each table; 0: all.")] = 100,
) -> None:
    """Read the whole log: what is wrong with it, what is odd, what is in it."""
    target = Project.find().open(log)
    with Console(stderr=True).status("reading the log", spinner="dots"):
        findings = check_log(target)
    if form == "json" or output is not None:
        deliver(_members(findings), output)
    else:
        _print(target.path, findings, limit)
    if findings.faults:
        raise typer.Exit(FAILED)


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
            print_table(out, table, title=title, limit=limit)


def _tables(found: Findings) -> Iterator[tuple[str, pl.DataFrame]]:
    yield "Types", found.types
    every = "" if found.sampled == found.events else f", from a sample of {counted(found.sampled, 'event')}"
    percent = (pl.col("share") * 100).round(1).alias("% of events")
    yield f"Members of payloads{every}", found.members.select("type", "member", "kinds", percent)
    yield "Streams whose clock runs backwards, the worst", found.skew.with_columns(percent).drop("share")
    files = pl.Series("file", [None if file is None else near(file) for file in found.rejected["file"]], pl.String)
    yield "Rejected lines, and where the first of them is", found.rejected.with_columns(files)


def _members(found: Findings) -> Iterator[bytes]:
    """Yield all findings as one JSON object."""
    plain = {name: getattr(found, name) for name in ("events", "streams", "faults", "notes", "sampled")}
    yield json(plain)[:-1]
    for name in ("types", "members", "skew", "rejected"):
        yield b',\n"' + name.encode() + b'":' + b"".join(as_json(getattr(found, name))).strip()
    yield b"}\n"
