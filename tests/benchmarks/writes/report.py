"""The measured writes as Markdown, and as one CSV file that the notebook about them reads."""

from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from tests.benchmarks.figures import Figure
from tests.benchmarks.machine import machine
from tests.benchmarks.table import figures_table
from tests.benchmarks.writes.contention import Measured
from tests.benchmarks.writes.rates import Rate
from tests.benchmarks.writes.ways import WAYS

__all__ = ["page", "table"]

_LEAST_OF_BARE: Final = 0.6
_LEAST_OF_LIBRARY: Final = 2
_ABOUT: Final = """\
Each writer is a process. A command reads the balance of an account, adds 1 and writes it; it is tried again until
it succeeds. *Lost* are commands that succeeded but are missing in the balances: another writer has overwritten
them. *Retries* are attempts that a faster writer made necessary. *Bytes* for a command: what the writers gave to
the file system (SQLite), or the write-ahead log of the server (PostgreSQL). Both databases wait for the disk at
every commit. A way that must not lose an update is checked before any figure is printed."""
_RATES: Final = """\
One writer, new streams, each in one commit. *CPU* is that of the writing process, for an event. `EventStore`
checks the expected version, the ids and the JSON; the bare INSERT checks nothing; the library's default takes a
lock on the table of PostgreSQL for each commit. The number of events is checked before any figure is printed."""


def table(measured: Sequence[Measured]) -> pl.DataFrame:
    """Return a row for each measurement, with rounded figures: what `writes.csv` holds."""
    return pl.DataFrame([each.row() for each in measured]).with_columns(
        pl.col("per_second").round(1), pl.col("longest").round(4), pl.col("bytes").round(0).cast(pl.Int64)
    )


def page(measured: Sequence[Measured], rates: Sequence[Rate]) -> str:
    """Return the page about one run."""
    parts = [
        "# What a write costs",
        "Made by `python -m tests.benchmarks.writes`: one program, one run.",
        f"Machine: {machine()}.",
        "## Writers that compete",
        _ABOUT,
        "\n".join(_contention(measured)),
        "## One writer, beside a bare INSERT and another library",
        _RATES,
        "\n".join(_rates(rates)),
        "## The figures",
        figures_table(list(_figures(measured, rates))),
    ]
    return "\n\n".join(parts) + "\n"


def _contention(measured: Sequence[Measured]) -> Iterator[str]:
    yield "| database | keys | writers | way | commands/s | retries for 100 | lost of 100 | longest s | bytes |"
    yield "|---|---|--:|---|--:|--:|--:|--:|--:|"
    for each in measured:
        lost = f"**{100 * each.lost / each.commands:.1f}**" if each.lost else "0"
        yield (
            f"| {each.database} | {each.keys} | {each.writers} | {each.way} | {each.per_second:,.0f} "
            f"| {100 * each.retries / each.commands:,.1f} | {lost} | {each.longest:.2f} | {each.bytes:,.0f} |"
        )


def _rates(rates: Sequence[Rate]) -> Iterator[str]:
    yield "| database | events in a commit | contender | events/s | CPU µs |"
    yield "|---|--:|---|--:|--:|"
    for each in rates:
        yield f"| {each.database} | {each.batch} | {each.contender} | {each.per_second:,.0f} | {each.cpu:,.0f} |"


def _figures(measured: Sequence[Measured], rates: Sequence[Rate]) -> Iterator[Figure]:
    found = {(each.database, each.batch, each.contender): each.per_second for each in rates}
    for (database, batch, contender), mine in found.items():
        if contender == "EventStore":
            about = f"{database}, {batch} in a commit: EventStore ÷"
            bare = mine / found[database, batch, "bare INSERT"]
            library = mine / found[database, batch, "eventsourcing"]
            yield Figure(f"{about} bare INSERT: ≥ 0.6", f"{bare:.2f}", bare >= _LEAST_OF_BARE)
            yield Figure(f"{about} eventsourcing: ≥ 2", f"{library:.2f}", library >= _LEAST_OF_LIBRARY)
    safe = [each for each in measured if each.way != list(WAYS)[-1]]
    lost = sum(each.lost for each in safe)
    yield Figure("updates lost by the three ways that notice conflicts: 0", f"{lost}", lost == 0)
