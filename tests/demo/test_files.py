import json
import os
import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from eventsource import demo, event
from eventsource.demo import _events
from eventsource.demo._files import FAULTS
from eventsource.errors import SourceError
from tests.demo.helpers import SAMPLE, fault, first_lines, good_lines, raw_lines


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """Return a written log, and how many lines of each kind it has."""
    path = tmp_path_factory.mktemp("demo") / "log.jsonl.gz"
    return path, demo.write(path, customers=800, seed=11)


def test_the_sample_is_what_its_command_writes(tmp_path: Path) -> None:
    """The committed sample has the lines that the command in its README writes, and its table counts them."""
    written = demo.write(tmp_path / "again.jsonl.gz", customers=500, seed=7)
    table = (SAMPLE.parent / "README.md").read_text().split("\n| | lines |\n", 1)[1]
    numbers = [line.rsplit("|", 2)[1].strip() for line in table.splitlines()[1:6]]
    counts = [written[kind] for kind in ("events", "late", "duplicates", "conflicts", "broken")]
    assert raw_lines(tmp_path / "again.jsonl.gz") == raw_lines(SAMPLE)
    assert SAMPLE.stat().st_size <= 1_000_000
    assert numbers == [f"{count:,}" for count in counts]


def test_the_bytes_depend_on_the_arguments_alone(written: tuple[Path, dict[str, int]], tmp_path: Path) -> None:
    """Another process, hash seed and number of threads give the same bytes; another seed does not."""
    path, _ = written
    target = tmp_path / "other.jsonl.gz"
    program = f"from eventsource import demo; demo.write({str(target)!r}, customers=800, seed=11)"
    environment = os.environ | {"PYTHONHASHSEED": "5", "POLARS_MAX_THREADS": "1"}
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, env=environment)
    assert target.read_bytes() == path.read_bytes()
    demo.write(target, customers=800, seed=12)
    assert target.read_bytes() != path.read_bytes()


def test_the_lines_of_each_kind_are_counted(written: tuple[Path, dict[str, int]]) -> None:
    """Events, duplicates, conflicts, broken and late lines are exactly those that the file holds."""
    path, counts = written
    lines = raw_lines(path)
    faults = Counter(found for line in lines if (found := fault(line)))
    copies: dict[str, list[bytes]] = {}
    for line in lines:
        if fault(line) is None:
            copies.setdefault(json.loads(line)["event_id"], []).append(line)
    is_same = [line == found[0] for found in copies.values() for line in found[1:]]
    lags = [
        datetime.fromisoformat(line["recorded_at"]) - datetime.fromisoformat(line["occurred_at"])
        for line in first_lines(good_lines(path))
    ]
    late = sum(lag >= timedelta(days=1) for lag in lags)
    assert counts == {
        "events": len(copies),
        "duplicates": sum(is_same),
        "conflicts": is_same.count(False),
        "broken": faults.total(),
        "late": late,
    }
    assert sum(counts.values()) - late == len(lines)
    assert set(faults) == set(FAULTS)
    assert counts["duplicates"] > 0 < counts["conflicts"]
    assert 0.01 < late / len(copies) < 0.03


def test_the_good_lines_are_the_events(written: tuple[Path, dict[str, int]]) -> None:
    """The first good line of each id is the event of `demo.events`, in the same order."""
    path, _ = written
    lines = [
        {name: json.dumps(value) if name in {"data", "metadata"} else value for name, value in line.items()}
        for line in first_lines(good_lines(path))
    ]
    read = event.check_events(event.events_from_dicts(lines))
    events = demo.events(customers=800, seed=11)
    assert dict(events.schema) == dict(event.ENVELOPE)
    assert read.drop("data", "metadata").equals(events.drop("data", "metadata"))
    for name in ("data", "metadata"):
        texts = [None if text is None else json.loads(text) for text in events[name]]
        assert texts == [None if text is None else json.loads(text) for text in read[name]]


def test_lines_are_in_the_order_of_arrival(written: tuple[Path, dict[str, int]]) -> None:
    """First arrivals are sorted by ``recorded_at``; members are in the documented order."""
    path, _ = written
    lines = good_lines(path)
    recorded = [line["recorded_at"] for line in first_lines(lines)]
    order = ["event_id", "stream", "version", "type", "occurred_at", "recorded_at", "data", "metadata"]
    assert recorded == sorted(recorded)
    assert {tuple(line) for line in lines} == {tuple(order), tuple(order[:-1])}


def test_large_logs_keep_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Customers generated some at a time, and sorted by slices of time, still arrive in one order."""
    monkeypatch.setattr(_events, "AT_ONCE", 40)
    shares: list[float] = []
    counts = demo.write(tmp_path / "cut.jsonl", customers=300, seed=5, progress=shares.append)
    lines = first_lines(good_lines(tmp_path / "cut.jsonl"))
    recorded = [line["recorded_at"] for line in lines]
    assert recorded == sorted(recorded)
    assert len(lines) == counts["events"]
    assert {line["stream"] for line in lines} >= {f"customer-{number}" for number in range(1, 290)}
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(shares) == 8 + 8
    assert [path.name for path in tmp_path.iterdir()] == ["cut.jsonl"]


def test_a_failed_run_keeps_the_old_file(tmp_path: Path) -> None:
    """An error midway leaves the old file as it was, and no other file."""

    def fail(share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        demo.write(path, customers=50, progress=fail)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("log.csv", {}, "expected a name for JSON Lines, got .*log.csv"),
        ("log.jsonl", {"customers": 0}, "expected at least 1 customer, got 0"),
        (
            "log.jsonl",
            {"since": "2024-01-01", "until": "2023-01-01"},
            "expected a period of at least a day, got 2024-01-01 to 2023-01-01",
        ),
    ],
)
def test_wrong_arguments_are_refused(tmp_path: Path, name: str, arguments: dict[str, Any], message: str) -> None:
    """Another suffix, no customers and a period that ends before it begins are errors."""
    with pytest.raises(SourceError, match=message):
        demo.write(tmp_path / name, **arguments)
    assert list(tmp_path.iterdir()) == []
