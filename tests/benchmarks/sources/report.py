"""The measured sources as Markdown."""

from collections.abc import Iterator, Sequence
from typing import Final

from tests.benchmarks.figures import Figure
from tests.benchmarks.machine import machine
from tests.benchmarks.sources.reading import Reading
from tests.benchmarks.table import figures_table

__all__ = ["page"]

_LEAST: Final = {"postgresql": 150_000, "kafka": 80_000}
"""System → events a second that a read shall reach."""
_TITLES: Final = {
    "files": "JSON Lines, one file",
    "sqlite": "SQLite, `EventStore`",
    "postgresql": "PostgreSQL, `EventStore`",
    "kafka": "Kafka, plain JSON, 3 partitions",
    "kurrentdb": "the test server of KurrentDB (in Python)",
    "cassandra": "Cassandra, `CassandraStore`, one node",
}
_ABOUT: Final = """\
*Read*: all events are decoded into frames of the envelope, in batches, and thrown away. *Pull*: they are appended
to a new log, which looks for duplicates, writes Parquet and commits. The fastest of {rounds} rounds counts. *CPU*
is that of the reading process for an event, of all its threads. Servers are other processes on the same machine
and use its cores, too. *MB* is the peak memory of the reading process, about 150 MB of it for the imported
libraries. The number of events is checked each time."""


def page(readings: Sequence[Reading], *, rounds: int) -> str:
    """Return the page about one run."""
    parts = [
        "# How fast sources are read",
        "Made by `python -m tests.benchmarks.sources`: one run.",
        f"Machine: {machine()}.",
        _ABOUT.format(rounds=rounds),
        "\n".join(_rows(readings)),
        "## The figures",
        figures_table(list(_figures(readings))),
    ]
    return "\n\n".join(parts) + "\n"


def _rows(readings: Sequence[Reading]) -> Iterator[str]:
    yield "| system | events | read: events/s | CPU µs | MB | pull: events/s | CPU µs | MB |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|"
    for system in dict.fromkeys(each.system for each in readings):
        read, pull = (_best(readings, system, task) for task in ("read", "pull"))
        cells = (f"{each.per_second:,.0f} | {each.microseconds:.1f} | {each.peak:,.0f}" for each in (read, pull))
        yield f"| {_TITLES[system]} | {read.events:,} | {' | '.join(cells)} |"


def _best(readings: Sequence[Reading], system: str, task: str) -> Reading:
    own = [each for each in readings if (each.system, each.task) == (system, task)]
    return min(own, key=lambda each: each.seconds)


def _figures(readings: Sequence[Reading]) -> Iterator[Figure]:
    for system, least in _LEAST.items():
        if any(each.system == system for each in readings):
            found = _best(readings, system, "read").per_second
            yield Figure(f"{_TITLES[system]}: read ≥ {least:,} events/s", f"{found:,.0f}", found >= least)
