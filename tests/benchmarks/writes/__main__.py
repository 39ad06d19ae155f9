"""Measure what a write costs: an event that is appended, beside a row that is updated.

SQLite and PostgreSQL, several numbers of writers, one hot key and many keys. Then one writer beside a bare INSERT
and the `eventsourcing` library. Writes WRITES.md and writes.csv.
"""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.writes.contention import Measured, contend
from tests.benchmarks.writes.rates import Rate, rates
from tests.benchmarks.writes.report import page, table
from tests.services.postgresql import DURABLE, Server


def main() -> None:
    """Measure, print the page, and write it."""
    options = _options()
    measured: list[Measured] = []
    found: list[Rate] = []
    for database, url in _databases(options.folder, options.databases):
        for each in contend(database, url, writers=options.writers, seconds=options.seconds):
            print(f"  {database}, {each.keys}, {each.writers} writers: {each.way}", flush=True)
            measured.append(each)
        print(f"  {database}: beside other libraries", flush=True)
        found += rates(database, url, seconds=options.seconds)
    shown = page(measured, found)
    print(shown)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "WRITES.md").write_text(shown, encoding="utf-8")
        table(measured).write_csv(options.out / "writes.csv")


def _databases(folder: Path | None, names: list[str]) -> Iterator[tuple[str, str]]:
    """Yield names and URLs of empty databases; one of them at a time is there."""
    if "sqlite" in names:
        with tempfile.TemporaryDirectory(prefix="eventsource-bench-", dir=folder) as path:
            yield "SQLite", f"sqlite:///{path}/writes.db"
    if "postgresql" in names:
        with _server() as server:
            yield "PostgreSQL", server.database()


@contextmanager
def _server() -> Iterator[Server]:
    server = Server(settings=DURABLE)
    try:
        yield server
    finally:
        server.remove()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.writes", description=__doc__)
    add = parser.add_argument
    add("--databases", nargs="+", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"])
    add("--writers", nargs="+", type=int, default=[1, 4, 16], help="numbers of processes (default: 1 4 16)")
    add("--seconds", type=float, default=2, help="how long each measurement takes (default: 2)")
    add("--folder", type=Path, help="folder of the SQLite file (default: that for temporary files)")
    add("--out", type=Path, help="folder for WRITES.md and writes.csv (default: they are not written)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
