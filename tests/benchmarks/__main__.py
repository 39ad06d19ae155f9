"""Compare the speed and memory of contenders in one run: `make bench`.

Each contender runs in its own process, so that its peak memory is measured alone. The answers are compared before
any time is printed. Without `--log` the input is a generated log of the shape that `--shape` names.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.chart import draw
from tests.benchmarks.contenders import WORKLOADS
from tests.benchmarks.figures import figures
from tests.benchmarks.run import FIGURES, TURNS, Result, measured, measured_as_of
from tests.benchmarks.shapes import SHAPES
from tests.benchmarks.table import document
from tests.benchmarks.workload import make

HERE = Path(__file__).parent
SIZES = (1e6, 5e6, 20e6)


def main() -> None:
    """Write the input, run every contender, compare the answers, write the table and the chart."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="eventsource-bench-", dir=options.folder) as temporary:
        if options.log:
            from tests.benchmarks.own_log import timed  # noqa: PLC0415 - only this mode asks questions in this process

            print(timed(options.log, options.model, Path(temporary)))
            return
        results = list(_run(options, Path(temporary)))
    sizes = sorted({result.events for result in results})
    size = FIGURES if FIGURES in sizes else sizes[-1]
    entities = max(result.entities for result in results if result.events == size)
    about = f"Input: a shop's log, {SHAPES[options.shape].about}; at {size:,} events {entities:,} entities"
    page = document(results, figures(results, size), about=about, size=size)
    print(page)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "RESULTS.md").write_text(page + "\n![Cost against size](results.svg)\n", encoding="utf-8")
        draw(results, options.out / "results.svg")


def _run(options: argparse.Namespace, folder: Path) -> Iterator[Result]:
    """Yield the results at all sizes, and those of `as_of` with as many entities as the smallest log has."""
    sizes = sorted(int(size) for size in options.events)
    fewest = options.entities
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            print(f"{size:,} events of the shape {options.shape}", file=sys.stderr)
            found = make(Path(temporary), options.shape, size, options.entities)
            fewest = fewest or found.about["entities"]
            yield from measured(found, options.only, turns=TURNS if size == FIGURES else 1)
        if options.shape == "shop" and not options.only and found.about["entities"] != fewest and size <= FIGURES:
            with tempfile.TemporaryDirectory(dir=folder) as temporary:
                yield from measured_as_of(make(Path(temporary), options.shape, size, fewest))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    add = parser.add_argument
    add("--events", type=float, nargs="+", default=SIZES, help="numbers of events (default: 1e6 5e6 20e6)")
    add("--entities", type=int, help="number of entities at all sizes (default: that of the shape)")
    add("--shape", choices=SHAPES, default="shop", help="the shape of the log (default: shop)")
    add("--only", nargs="+", choices=WORKLOADS, default=(), help="only these workloads and those that they need")
    add("--log", help="time this raw log instead, and check some answers against the reference engine")
    add("--model", help="the model of --log, as module:Class; the module may be in the working directory")
    add("--out", type=Path, help="folder for RESULTS.md and results.svg (default: they are not written)")
    add("--folder", type=Path, help="folder for temporary files (default: that of the system)")
    options = parser.parse_args()
    if bool(options.log) != bool(options.model):
        parser.error("--log and --model need each other")
    if options.log and (options.only or options.out or options.entities):
        parser.error("--log can only be used with --model and --folder")
    return options


if __name__ == "__main__":
    main()
