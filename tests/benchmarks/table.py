"""Results as Markdown: a table of times and peak memory, and a table of the figures."""

from collections.abc import Iterator, Sequence
from typing import Final

from tests.benchmarks.contenders import OURS, WORKLOADS
from tests.benchmarks.figures import Figure
from tests.benchmarks.machine import machine
from tests.benchmarks.measure import ENDLESS, LONG, TIMES
from tests.benchmarks.readmodels import ROUNDS
from tests.benchmarks.run import FIGURES, TURNS, Result

__all__ = ["document", "figures_table", "results_table"]

_NONE: Final = "–"
_SHORT: Final = 0.1
_NOTES: Final = f"""\
Each contender runs in its own process. MB is the peak memory of that process, including its libraries.
Libraries are imported before the clock starts; opening the log or the file counts. Loading, the first question
of a model and the first one after a tail are measured once. All others are the best of {TIMES} after one
throwaway question. If that question takes more than {LONG:g} s, one more is asked; if it takes more than
{ENDLESS:g} s, its own time counts. Questions about one entity go to an open timeline or connection, and are the
mean over ten entities. The answers of a workload are compared before any time is printed. DuckDB, Polars,
pandas and Python read typed Parquet in order of arrival. The time to write it counts under *first question*
only. Their answers need not be sorted; those of eventsource are. The questions about the tail read all events.
Rebuilds and refreshes of a read model alternate; each is the best of {ROUNDS}. At {FIGURES:,} events the
contenders of a workload that take less than {LONG:g} s are measured {TURNS} times, one after the other, and the
best counts, since a machine may be slow for some seconds."""

_READINGS: Final = """\
Two rows are stricter than the rows above them. The index stores each entity's id once, so reading its columns
takes less time than reading those of the Parquet that all others read. A snapshot from 15 days before is as old as
a monthly snapshot is on average."""


def document(results: Sequence[Result], found: Sequence[Figure], *, about: str, size: int) -> str:
    """Return the page.

    Args:
        results: the measured times and memory.
        found: the figures.
        about: the input, in words.
        size: the number of events that the figures are for.
    """
    parts = [
        "# Speed and memory, side by side",
        f"Made by `make bench`: one program, one run. {about}.\n\nMachine: {machine()}.",
        results_table(results),
        "\n".join(_reasons(results)),
        _NOTES,
        f"## The figures, at {size:,} events",
        figures_table(found),
        _READINGS,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def results_table(results: Sequence[Result]) -> str:
    """Return a row per workload and contender, and two columns per size: time and peak memory."""
    sizes = sorted({result.events for result in results})
    heads = [f"{_millions(size)} | MB" for size in sizes]
    lines = [f"| workload | contender | {' | '.join(heads)} |", f"|---|---|{'--:|--:|' * len(sizes)}"]
    for workload, title in WORKLOADS.items():
        mine = [result for result in results if result.workload == workload]
        for number, name in enumerate(dict.fromkeys(result.name for result in mine)):
            here = {result.events: result for result in mine if result.name == name}
            cells = " | ".join(_cells(here.get(size)) for size in sizes)
            shown = f"**{name}**" if name == OURS else name
            lines.append(f"| {title if not number else ''} | {shown} | {cells} |")
    return "\n".join(lines)


def figures_table(found: Sequence[Figure]) -> str:
    """Return a row per figure."""
    rows = [f"| {figure.about} | {figure.reached} | {'yes' if figure.ok else '**no**'} |" for figure in found]
    return "\n".join(["| figure | reached | ok |", "|---|--:|---|", *rows])


def _reasons(results: Sequence[Result]) -> Iterator[str]:
    """Yield the reasons why contenders were left out, a line per reason."""
    left = [result for result in results if result.why]
    for why in dict.fromkeys(result.why for result in left):
        who = dict.fromkeys(
            f"{r.name} ({WORKLOADS[r.workload]}, {r.events:,} events)" for r in left if r.why == why
        )
        yield f"{_NONE}: {why}: {'; '.join(who)}."


def _cells(result: Result | None) -> str:
    if result is None or result.seconds is None:
        return f"{_NONE} | {_NONE}"
    return f"{_time(result.seconds)} | {result.peak:,.0f}"


def _time(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms" if seconds < _SHORT else f"{seconds:.2f} s"


def _millions(events: int) -> str:
    return f"{events / 1e6:g} M events"
