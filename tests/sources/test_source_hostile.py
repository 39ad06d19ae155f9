"""CSV that is made to be slow or large: the time is near-linear, the memory bounded, and what is wrong is said."""

import json
import time
import tracemalloc
from pathlib import Path

import pytest

import eventsource as es
from eventsource.sources import _csv_lines
from tests.hostile import effort
from tests.sources.sourcekit import all_of, ids

pytestmark = pytest.mark.hostile

HEADER = "event_id,stream,type,occurred_at,note\n"


def _row(number: int, note: str = "x") -> str:
    return f"{number},s,T,2024-01-01,{note}\n"


def test_many_columns(tmp_path: Path) -> None:
    """Reading the header takes no time that grows with the square of its columns."""
    count = effort(20_000, 100_000)
    names = [f"c{number}" for number in range(count)]
    path = tmp_path / "a.csv"
    path.write_text(",".join(["event_id,stream,type,occurred_at", *names]) + f"\n1,s,T,2024-01-01{',1' * count}\n")
    begin = time.process_time()
    batch = all_of(es.source(path))
    assert time.process_time() - begin < effort(5, 20)
    assert ids(batch) == ["1"]
    assert json.loads(batch.events["data"][0]) == dict.fromkeys(names, "1")


@pytest.mark.parametrize("every", [0, 700])
def test_quotes_that_are_not_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int) -> None:
    """Only the lines with the quotes are rejected; lines after them are not kept in memory without a bound."""
    rows = 5_000_000 if not every else 500_000  # each open quote is looked for in as many lines as `most` says
    count, most = effort(20_000, rows), effort(1_000, 100_000)
    monkeypatch.setattr(_csv_lines, "_MOST_LINES", most)
    opened = {0} if not every else set(range(0, count, every))
    path = tmp_path / "a.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER)
        file.writelines(_row(number, '"open' if number in opened else "x") for number in range(count))
        file.writelines(_row(count + number) for number in range(most + 1))
    tracemalloc.start()
    begin = time.process_time()
    rejected, events = [], 0
    for batch in es.source(path).batches({}):
        rejected += batch.rejected.select("line", "reason").rows()
        events += batch.events.height
    assert time.process_time() - begin < effort(20, 1_200)
    assert tracemalloc.get_traced_memory()[1] < 400e6
    tracemalloc.stop()
    assert [line for line, _ in rejected] == [number + 2 for number in sorted(opened)]
    assert rejected[-1][1] == f"not CSV: a quote opens here and is not closed within {most:,} lines"
    assert events == count + most + 1 - len(opened)
