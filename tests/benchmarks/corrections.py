"""What corrections, versions and faults cost: the same questions beside logs without them, in one process.

``python -m tests.benchmarks.corrections --events 1e6``. Each log is asked in turns, so that a slow second of the
machine affects none alone; the least CPU time of all turns counts. Corrections concern 0.1 % of the events.
"""

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import polars as pl

import eventsource as es
from eventsource.errors import EventsourceWarning
from tests.benchmarks.models import model_of
from tests.benchmarks.questions import MOMENT
from tests.benchmarks.workload import make

__all__ = ["measured"]

_ONE_OF: Final = 1_000
Timelines = dict[str, es.Timeline]

QUESTIONS: Final[dict[str, Callable[[es.Timeline, pl.DataFrame], object]]] = {
    "as_of": lambda timeline, _: timeline.as_of(MOMENT),
    "history": lambda timeline, _: timeline.history(),
    "join": lambda timeline, rows: timeline.join(rows, on="entity", at="at"),
    "join, known_at": lambda timeline, rows: timeline.join(rows, on="entity", at="at", known_at="at"),
}
BESIDE: Final = {"corrected": "plain", "versions": "whole seconds", "faults": "plain"}
"""Log → the one that it is compared with."""


def logs(folder: Path, events: int) -> tuple[Timelines, pl.DataFrame]:
    """Write all logs; return a timeline of each, with its index, and the rows to join."""
    found = make(folder, "shop", events)
    plain = es.Log(folder / "plain")
    plain.pull(es.source(str(found.lines)))
    arrived = plain.scan().drop("position").collect()
    whole = arrived.with_columns(pl.col("occurred_at", "recorded_at").dt.truncate("1s"))
    variants = {
        "corrected": arrived,
        "faults": _with_faults(arrived),
        "whole seconds": whole.with_columns(version=pl.lit(None, pl.Int64)),
        "versions": whole.with_columns(version=pl.int_range(pl.len()).over("stream")),
    }
    opened = {"plain": plain}
    for name, frame in variants.items():
        opened[name] = es.Log(folder / name)
        opened[name].append(frame)
    some = arrived.gather_every(_ONE_OF)
    opened["corrected"].correct_all(
        {"event_id": name, "data": data, "occurred_at": at, "reason": "measured"}
        for name, data, at in some.select("event_id", "data", pl.col("occurred_at").dt.offset_by("1h")).iter_rows()
    )
    model = model_of(found.shape)
    timelines = {name: es.Timeline(log, model, faults="skip") for name, log in opened.items()}
    return timelines, pl.read_parquet(found.rows)


def _with_faults(events: pl.DataFrame) -> pl.DataFrame:
    """Return events of which one in a thousand has a text where the model sums a number."""
    is_one = (pl.int_range(pl.len()) % _ONE_OF == 0) & pl.col("data").str.contains('"amount":')
    wrong = pl.col("data").str.replace(r'"amount":\s*[^,}]+', '"amount":"a lot"')
    return events.with_columns(pl.when(is_one).then(wrong).otherwise("data").alias("data"))


def measured(folder: Path, events: int, turns: int) -> Iterator[tuple[str, str, float, float]]:
    """Yield question, log, milliseconds of CPU, and the ratio to the log that it is compared with."""
    timelines, rows = logs(folder, events)
    for question, ask in QUESTIONS.items():
        best = dict.fromkeys(timelines, float("inf"))
        for _ in range(turns + 1):  # the first one builds indexes
            for name, timeline in timelines.items():
                begin = time.process_time()
                ask(timeline, rows)
                best[name] = min(best[name], time.process_time() - begin)
        for name, beside in BESIDE.items():
            yield question, name, best[name] * 1e3, best[name] / best[beside]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--events", type=float, default=1e6)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=None, help="where the logs are made")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="eventsource-bench-", dir=options.folder) as temporary,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", EventsourceWarning)
        for question, name, milliseconds, ratio in measured(Path(temporary), int(options.events), options.turns):
            print(f"{question:15} {name:10} {milliseconds:8.0f} ms  {ratio - 1:+.0%} beside {BESIDE[name]}")


if __name__ == "__main__":
    main()
