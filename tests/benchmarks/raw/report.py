"""The measured values as Markdown: a table of times and memory, and the figures with their targets."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tests.benchmarks.figures import Figure
from tests.benchmarks.machine import machine
from tests.benchmarks.raw.inputs import KINDS
from tests.benchmarks.raw.tasks import DUCKDB, OURS, TASKS, Measured
from tests.benchmarks.table import figures_table

__all__ = ["page", "raw_figures"]

_Key = tuple[str, str, str]
_MOST_MEMORY: Final = 1536
_MOST_SECONDS: Final = 0.5
_NOTES: Final = """\
Each contender runs in its own process; libraries are imported before the clock starts. *CPU* are the seconds of
all cores, *MB* the most memory that was held at one moment, looked at four times a second; both with worker
processes. DuckDB keeps duplicates in its Parquet, and drops them where an answer needs it; a pull drops them. With
the first question both write what the next questions read: an index, typed Parquet. Answers are compared before
any time is printed. One process uses more than one core, as it writes while it decodes: its CPU seconds say how
much two cores can win at most."""


def page(measured: Sequence[Measured], *, events: int) -> str:
    """Return the page about one run."""
    about = "the demo's business: UUIDs, versions, milliseconds, metadata, late events, duplicates"
    parts = [
        "# From raw files to the first answer",
        f"Made by `make bench`: one program, one run, about {events:,} events of {about}.",
        f"Machine: {machine()}.",
        "\n".join(_rows(measured)),
        _NOTES,
        "## The figures",
        figures_table(list(raw_figures(measured))),
    ]
    return "\n\n".join(parts) + "\n"


def raw_figures(measured: Sequence[Measured]) -> Iterator[Figure]:
    """Yield the figures that the measured values allow."""
    found = {(each.kind, each.task, each.name): each for each in measured}
    plain, broken = ("jsonl", "load", OURS), ("broken", "load", OURS)
    whole = "raw file to the first answer ÷ DuckDB straight from the file"
    yield from _ratio(found, "pull ÷ DuckDB's JSON to Parquet", plain, ("jsonl", "load", DUCKDB), 3)
    for task, about in (("first", "first question"), ("first_exact", "the same with Decimal fields")):
        yield from _ratio(
            found, f"{about} ÷ DuckDB's from Parquet", ("jsonl", task, OURS), ("jsonl", task, DUCKDB), 2
        )
    for kind, about, limit in (("jsonl", whole, 4), ("broken", f"the same, {KINDS['broken'].about}", 5)):
        yield from _ratio(found, about, (kind, "whole", OURS), (kind, "whole", DUCKDB), limit)
    yield from _ratio(found, "pull with 1 % broken lines ÷ with 0.01 %", broken, plain, 1.3)
    for task, about in (("load_on_one_core", "on one core"), ("load_one", "by one process")):
        one = found.get(("jsonl", task, OURS))
        if one and plain in found:
            faster = one.seconds / found[plain].seconds
            yield Figure(f"pull by all workers: ≥ 1.6 × faster than {about}", f"{faster:.2f} ×", faster >= 1.6)
    mine = [each.peak for each in measured if each.name == OURS and each.kind in KINDS]
    if mine:
        yield Figure(
            "peak memory of pull and first question: ≤ 1.5 GB", f"{max(mine):,.0f} MB", max(mine) <= _MOST_MEMORY
        )
    nothing = found.get(("many", "nothing_new", OURS))
    if nothing:
        reached = f"{nothing.seconds:.2f} s"
        yield Figure("pull with nothing new, 1,000 files: ≤ 0.5 s", reached, nothing.seconds <= _MOST_SECONDS)


def _ratio(found: Mapping[_Key, Measured], about: str, part: _Key, whole: _Key, limit: float) -> Iterator[Figure]:
    """Compare two times; the ratio of the processors' seconds is shown beside."""
    if part not in found or whole not in found:
        return
    one, other = found[part], found[whole]
    ratio = one.seconds / other.seconds
    reached = f"{ratio:.2f} × (CPU {one.cpu / max(other.cpu, 0.01):.2f} ×)"
    yield Figure(f"{about}: ≤ {limit:g} ×", reached, ratio <= limit)


def _rows(measured: Sequence[Measured]) -> Iterator[str]:
    yield f"| input | task | {OURS} s | CPU s | MB | {DUCKDB} s | CPU s | MB | times |"
    yield "|---|---|--:|--:|--:|--:|--:|--:|--:|"
    found = {(each.kind, each.task, each.name): each for each in measured}
    for kind, looks in KINDS.items():
        mine = [task for task in TASKS if (kind, task, OURS) in found]
        for number, task in enumerate(mine):
            ours, theirs = found[kind, task, OURS], found.get((kind, task, DUCKDB))
            about = looks.about if not number else ""
            times = f"{ours.seconds / theirs.seconds:.2f}" if theirs else ""
            yield f"| {about} | {TASKS[task].about} | {_cells(ours)} | {_cells(theirs)} | {times} |"


def _cells(one: Measured | None) -> str:
    if one is None:
        return "– | – | –"
    return f"{one.seconds:.2f} | {one.cpu:.2f} | {one.peak:,.0f}"
