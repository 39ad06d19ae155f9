"""Measure how fast events are read from each system, and pulled into a log. Writes SOURCES.md.

The systems are those of the chaos runs, each with a server of its own: `python -m tests.services install`
downloads them.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tests.benchmarks.sources.reading import TASKS, Reading, measure
from tests.benchmarks.sources.report import page
from tests.chaos.appends import append_of
from tests.chaos.systems import SYSTEMS, System

_SIZE: Final = 1_000
"""Events of an append."""


def main() -> None:
    """Measure, print the page, and write it."""
    options = _options()
    readings: list[Reading] = []
    for name in options.system:
        with tempfile.TemporaryDirectory(prefix="eventsource-bench-", dir=options.folder) as folder:
            readings += _readings(name, int(options.events), options.rounds, Path(folder))
    shown = page(readings, rounds=options.rounds)
    print(f"\n{shown}")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "SOURCES.md").write_text(shown, encoding="utf-8")


def _readings(name: str, events: int, rounds: int, folder: Path) -> Iterator[Reading]:
    """Fill a system, and yield what each task took in each round."""
    system = SYSTEMS[name]()(folder)
    try:
        print(f"  {name}: {events:,} events are written", flush=True)
        _fill(system, events)
        options = {**system.options, **({"delay": 0.0} if system.settle else {})}
        for _ in range(rounds):
            for task in TASKS:
                found = measure(name, task, system.where, options, events=events)
                print(f"  {name}: {task} {found.per_second:,.0f}/s, {found.microseconds:.1f} µs CPU", flush=True)
                yield found
    finally:
        system.close()


def _fill(system: System, events: int) -> None:
    append = system.appender(system.where, 0)
    for number in range(events // _SIZE):
        append(append_of(0, number, size=_SIZE, shares=False))
    append.flush()


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.sources", description=__doc__)
    add = parser.add_argument
    add("--system", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS), help="default: all of them")
    add("--events", type=float, default=1e6, help=f"a multiple of {_SIZE:,} (default: 1e6)")
    add("--rounds", type=int, default=3, help="how often each is measured; the fastest counts (default: 3)")
    add("--folder", type=Path, help="where the data is (default: the folder for temporary files)")
    add("--out", type=Path, help="folder for SOURCES.md (default: it is not written)")
    found = parser.parse_args(arguments)
    if found.events < _SIZE or found.events % _SIZE:
        parser.error(f"expected a multiple of {_SIZE:,} events, got {found.events:,.0f}")
    return found


if __name__ == "__main__":
    main()
