"""Measure the way from raw files to the first answer, beside DuckDB: part of `make bench`.

The raw files are made once, in a cache folder, and used again. Answers are compared before any time is printed.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.raw.inputs import KINDS
from tests.benchmarks.raw.report import page
from tests.benchmarks.raw.tasks import Measured, measure, measure_nothing_new


def main() -> None:
    """Make the files, run the contenders, print the page and write it."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="eventsource-bench-", dir=options.folder) as folder:
        shown = page(list(_run(options, Path(folder))), events=int(options.events))
    print(shown)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "RAW.md").write_text(shown, encoding="utf-8")


def _run(options: argparse.Namespace, folder: Path) -> Iterator[Measured]:
    for kind in options.kinds:
        with tempfile.TemporaryDirectory(dir=folder) as one:
            yield from measure(options.cache, Path(one), kind, events=int(options.events), turns=options.turns)
    if options.megabytes:
        yield measure_nothing_new(folder / "many", options.megabytes)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.raw", description=__doc__)
    add = parser.add_argument
    add("--events", type=float, default=5e6, help="number of events (default: 5e6)")
    add("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="kinds of raw files (default: all)")
    add("--turns", type=int, default=1, help="how often each task is measured; the best counts (default: 1)")
    add(
        "--megabytes",
        type=float,
        default=10,
        help="size of each of 1,000 files for the pull with nothing new; 0: none",
    )
    add(
        "--cache",
        type=Path,
        default=Path("build/benchmarks"),
        help="folder of the raw files (default: build/benchmarks)",
    )
    add("--out", type=Path, help="folder for RAW.md (default: it is not written)")
    add("--folder", type=Path, help="folder for temporary files (default: that of the system)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
