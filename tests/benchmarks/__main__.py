"""Speed and memory, side by side, from one run: `make bench` (or `python -m tests.benchmarks --events 1e6`).

Every contender runs in a process of its own, so that its peak memory is its own; answers are compared before any
time is printed.
"""

import argparse
import tempfile
from pathlib import Path

import polars as pl

from tests.benchmarks import contenders, workload


def main() -> None:
    """Make the input, run every contender, compare, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--events", type=float, default=5e6, help="events in the log (default 5e6)")
    parser.add_argument("--folder", type=Path, help="where to keep the input (default: a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eventsource-bench-") as temporary:
        folder = options.folder or Path(temporary)
        workload.make(folder, int(options.events))
        results = [contenders.run(name, folder) for name in contenders.CONTENDERS]
        contenders.compare(folder)
        print(f"\n{int(options.events):,} events, {workload.entities(int(options.events)):,} entities\n")
        with pl.Config(
            tbl_formatting="MARKDOWN",
            tbl_hide_dataframe_shape=True,
            tbl_hide_column_data_types=True,
            tbl_rows=-1,
            fmt_str_lengths=80,
            tbl_width_chars=160,
        ):
            print(pl.DataFrame(results))


if __name__ == "__main__":
    main()
