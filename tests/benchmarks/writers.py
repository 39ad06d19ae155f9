"""Many processes append to one log at once: commits a second, and how long an append waits.

``python -m tests.benchmarks.writers --writers 8 --appends 25``. Each process appends single events, one after the
other. All begin together, after each has opened the log.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from eventsource.log import Log

__all__ = ["measured"]

_WRITER = """
import sys, time
from eventsource.log import Log
log, who, appends = Log(sys.argv[1]), sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
for number in range(appends):
    name = f"{who}-{number}"
    event = {"event_id": name, "stream": who, "type": "A", "occurred_at": "2024-01-01T00:00:00Z"}
    begin = time.perf_counter()
    log.append([event])
    print(time.perf_counter() - begin)
"""


def measured(log: Path, writers: int, appends: int) -> tuple[float, pl.Series]:
    """Return how many seconds all appends took, and each of them; check that the log has every event."""
    Log(log).append([{"event_id": "first", "stream": "s", "type": "A", "occurred_at": "2024-01-01T00:00:00Z"}])
    command = [sys.executable, "-c", _WRITER, str(log)]
    started = [
        subprocess.Popen(
            [*command, str(who), str(appends)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for who in range(writers)
    ]
    for writer in started:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    begin = time.perf_counter()
    for writer in started:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    printed = [writer.communicate()[0] for writer in started]
    whole = time.perf_counter() - begin
    rows = Log(log).scan().collect()
    assert rows["event_id"].n_unique() == rows.height == writers * appends + 1
    assert rows["position"].to_list() == list(range(rows.height))
    return whole, pl.Series([float(line) for text in printed for line in text.split()])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--appends", type=int, default=25, help="how many each writer makes")
    parser.add_argument("--folder", type=Path, default=None, help="where the log is made")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eventsource-bench-", dir=options.folder) as temporary:
        whole, each = measured(Path(temporary) / "log", options.writers, options.appends)
    seconds = pl.col("seconds")
    summary = (
        each.alias("seconds")
        .to_frame()
        .select(seconds.mean().alias("mean"), seconds.quantile(0.95).alias("most"), seconds.max().alias("longest"))
    )
    mean, most, longest = summary.row(0)
    print(
        f"{options.writers} writers, {len(each)} commits in {whole:.1f} s: {len(each) / whole:.1f} a second\n"
        f"an append: mean {mean:.2f} s, 95 % below {most:.2f} s, longest {longest:.2f} s"
    )


if __name__ == "__main__":
    main()
