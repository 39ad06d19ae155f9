"""The target figures, as ratios of times of one run at one size."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from tests.benchmarks.contenders import OURS
from tests.benchmarks.run import Result

__all__ = ["Figure", "figures"]

_STEADY: Final = 1.25
"""Memory that grows by at most this factor counts as constant: allocators are not exact."""
_GB: Final = 4096
_READING: Final = "reading its columns only"
_READING_INDEX: Final = "reading those of the index only"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure.

    Args:
        about: the target, in words.
        reached: the measured value, in words.
        ok: whether the target is met.
    """

    about: str
    reached: str
    ok: bool


def figures(results: Sequence[Result], events: int) -> list[Figure]:
    """Return the figures that the results allow: times at one number of events, memory at all sizes."""
    here = {(result.workload, result.name): result for result in results if result.events == events}
    seconds = {key: result.seconds for key, result in here.items() if result.seconds is not None}
    found = [figure for make in _FIGURES if (figure := make(seconds)) is not None]
    build = seconds.get(("first", OURS))
    if build:
        rate = events / build
        found.append(Figure("index build: ≥ 400,000 events/s", f"{rate:,.0f} events/s", rate >= 400_000))
    return [*found, *_memory(results)]


Seconds = dict[tuple[str, str], float]
_DUCKDB: Final = "DuckDB"


def _faster(about: str, workload: str, times: float, seconds: Seconds) -> Figure | None:
    """Compare a time with that of DuckDB."""
    ours, theirs = seconds.get((workload, OURS)), seconds.get((workload, _DUCKDB))
    if ours is None or theirs is None:
        return None
    return Figure(f"{about}: ≥ {times:g} × faster than DuckDB", f"{theirs / ours:.2f} ×", theirs >= times * ours)


def _share(
    about: str, part: tuple[str, str], whole: tuple[str, str], limit: float, seconds: Seconds
) -> Figure | None:
    """Compare two times of this project."""
    if part not in seconds or whole not in seconds:
        return None
    ratio = seconds[part] / seconds[whole]
    places = 2 if limit >= 1 else 3
    return Figure(f"{about} ≤ {limit:g} ×", f"{ratio:.{places}f} ×", ratio <= limit)


def _with_snapshot(when: str, workload: str, seconds: Seconds) -> Figure | None:
    """Compare a question that can use a snapshot with one that cannot."""
    about = f"`as_of` with a snapshot {when} to without:"
    return _share(about, (workload, OURS), ("snapshot", f"{OURS}, without"), 0.3, seconds)


def _at_most(about: str, workload: str, limit: float, seconds: Seconds) -> Figure | None:
    """Compare a time with a number of milliseconds."""
    if (workload, OURS) not in seconds:
        return None
    found = 1000 * seconds[workload, OURS]
    return Figure(f"{about} ≤ {limit:g} ms", f"{found:.1f} ms", found <= limit)


def _tail_cost(about: str, limit: float, seconds: Seconds) -> Figure | None:
    """Compare the first question after a tail with the next one."""
    if ("tail", OURS) not in seconds:
        return None
    found = seconds["tail", OURS] - seconds["tail_next", OURS]
    return Figure(f"{about} ≤ {limit:g} s", f"{found:.2f} s", found <= limit)


def _part_of_build(about: str, limit: float, seconds: Seconds) -> Figure | None:
    """Compare indexing a tail with building the whole index."""
    if ("tail", OURS) not in seconds or ("first", OURS) not in seconds:
        return None
    found = (seconds["tail", OURS] - seconds["tail_next", OURS]) / seconds["first", OURS]
    return Figure(f"{about} ≤ {limit:.0%} of a full build", f"{found:.1%}", found <= limit)


def _memory(results: Sequence[Result]) -> Iterator[Figure]:
    """Yield peak memory of `as_of`: at the largest size, and along the sizes at a fixed number of entities."""
    ours = [result for result in results if result.name == OURS and result.peak is not None]
    sizes = sorted((r.events, r.peak) for r in ours if r.workload == "as_of" and r.peak)
    if sizes:
        events, peak = sizes[-1]
        yield Figure(f"peak memory of `as_of`, {events:,} events: ≤ 4 GB", f"{peak:,.0f} MB", peak <= _GB)
    for entities in sorted({r.entities for r in ours if r.workload in ("as_of", "fixed")}):
        peaks = sorted(
            (r.events, r.peak)
            for r in ours
            if r.entities == entities and r.workload in ("as_of", "fixed") and r.peak
        )
        if len(peaks) > 1:
            reached = ", ".join(f"{peak:,.0f} MB at {events:,}" for events, peak in peaks)
            about = f"peak memory of `as_of`, {entities:,} entities: the same, however many events"
            yield Figure(about, reached, peaks[-1][1] <= _STEADY * peaks[0][1])


_FIGURES: Final[tuple[Callable[[Seconds], Figure | None], ...]] = (
    partial(_faster, "`as_of`", "as_of", 3),
    partial(_share, "`as_of` to reading its columns:", ("as_of", OURS), ("as_of", _READING), 2),
    partial(_share, "`as_of` to reading those of the index:", ("as_of", OURS), ("as_of", _READING_INDEX), 2),
    partial(_faster, "`history` of every entity", "history", 2),
    partial(_share, "`trend`, 36 months, to one `as_of`:", ("trend", OURS), ("as_of", OURS), 1.5),
    partial(_faster, "`trend`, 36 months", "trend", 1.5),
    partial(_share, "`trend`, 1,000 days, to 36 months:", ("trend_days", OURS), ("trend", OURS), 1.5),
    partial(_faster, "`join`, 200 k rows", "join", 2),
    partial(_at_most, "one entity's `history`:", "histories", 50),
    partial(_faster, "one entity's `history`", "histories", 3),
    partial(_at_most, "one entity's `explain`:", "explain", 50),
    partial(_faster, "one entity's `explain`", "explain", 3),
    partial(_with_snapshot, "the day before", "snapshot_near"),
    partial(_with_snapshot, "15 days before", "snapshot"),
    partial(_tail_cost, "a tail of 1 %: the first question less the next one:", 1.5),
    partial(_part_of_build, "a tail of 1 %: the first question less the next one:", 0.05),
    partial(
        _share,
        "read model in SQLite, 1 % changed, to a rebuild:",
        ("sqlite_refresh", OURS),
        ("sqlite_rebuild", OURS),
        0.1,
    ),
    partial(
        _share,
        "read model in PostgreSQL, 1 % changed, to a rebuild:",
        ("postgresql_refresh", OURS),
        ("postgresql_rebuild", OURS),
        0.1,
    ),
)
