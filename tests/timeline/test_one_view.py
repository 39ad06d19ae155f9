"""A question takes one view: the log is refreshed once, and what is appended meanwhile is not seen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable

from eventsource import Log, SnapshotPolicy
from eventsource.fold import Events, PolarsEngine
from eventsource.index import Sizes
from eventsource.timeline import Timeline
from tests.conformance.stored import ALWAYS, BUSY, busy_events, index_of, stored_timeline

pytestmark = pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning")

EVENTS = busy_events(1, 400)
FRAME = pl.DataFrame({"id": ["s1", "s2"], "when": ["2024-01-01", "2024-01-02"]})
SIZES = {"in memory": None, "in files": Sizes(in_memory=0, max_run=100, part=50, max_sort=100)}

QUESTIONS: dict[str, Callable[[Timeline], Any]] = {
    "as_of": lambda t: t.as_of(),
    "as_of without snapshots": lambda t: t.as_of(snapshots=False),
    "as_of one entity": lambda t: t.as_of(entity="s1"),
    "as_of several moments": lambda t: t.as_of(["2024-01-01", "2024-01-02"]),
    "as_of known_at": lambda t: t.as_of(known_at="2024-01-01"),
    "history": lambda t: t.history(),
    "changes": lambda t: t.changes("paid"),
    "diff": lambda t: t.diff("2024-01-01", "2024-01-02"),
    "explain": lambda t: t.explain("s1"),
    "trend": lambda t: t.trend({"n": pl.len()}, every="1d", since="2024-01-01", until="2024-01-03"),
    "trend with open ends": lambda t: t.trend({"n": pl.len()}, every="1d"),
    "join": lambda t: t.join(FRAME, on="id", at="when"),
    "replay": lambda t: t.replay("s1"),
    "entities": lambda t: t.entities(),
    "snapshot": lambda t: t.snapshot("2024-01-01"),
    "take_due": lambda t: t.take_due(SnapshotPolicy(events=10**9)),
    "verify": lambda t: t.verify(),
}
READS_THE_LOG = {("replay", "in memory"), ("replay", "in files"), ("snapshot", "in memory")}
"""Payloads, and in memory the id of the last event, are read from the log, which refreshes it again."""


class CountingLog(Log):
    """A log that counts how often its head was asked for."""

    heads = 0

    @property
    def head(self) -> int:
        """The head, counted."""
        self.heads += 1
        return super().head


@pytest.fixture
def refreshes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The versions that Delta tables were refreshed from."""
    counted: list[int] = []
    update = DeltaTable.update_incremental

    def counting(table: DeltaTable) -> None:
        counted.append(table.version())
        update(table)

    monkeypatch.setattr(DeltaTable, "update_incremental", counting)
    return counted


def _timeline(path: Path, sizes: str, policy: SnapshotPolicy | None = None) -> Timeline:
    log = CountingLog(path)
    log.append(EVENTS)
    return stored_timeline(log, BUSY, SIZES[sizes], policy, ALWAYS)


@pytest.mark.parametrize("policy", [None, SnapshotPolicy(events=100)], ids=["no policy", "policy"])
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_refreshes_the_log_once(
    tmp_path: Path, question: str, sizes: str, policy: SnapshotPolicy | None, refreshes: list[int]
) -> None:
    """Once the index holds all events, a question asks for the head once, and Delta refreshes the table once."""
    timeline = _timeline(tmp_path / "log", sizes, policy)
    timeline.as_of()
    assert isinstance(timeline.log, CountingLog)
    timeline.log.heads = 0
    refreshes.clear()
    QUESTIONS[question](timeline)
    # A snapshot that was written is checked again: events may have been erased while its states were folded.
    checks = int(question == "snapshot")
    assert timeline.log.heads == 1 + checks
    assert len(refreshes) == 1 + checks + ((question, sizes) in READS_THE_LOG)


@pytest.mark.parametrize("sizes", SIZES)
def test_a_pinned_question_of_indexed_events_refreshes_nothing(
    tmp_path: Path, sizes: str, refreshes: list[int]
) -> None:
    """Events that the index holds do not change: the log need not be asked."""
    timeline = _timeline(tmp_path / "log", sizes)
    timeline.as_of()
    refreshes.clear()
    timeline.as_of(upto=100)
    assert len(refreshes) == (sizes == "in memory")


class AppendingEngine(PolarsEngine):
    """An engine that appends an event whenever it is asked."""

    def __init__(self, log: Log) -> None:
        self.log, self.appended = log, 0

    def as_of(self, events: Events, moment: Any) -> pl.DataFrame:
        """Append an event, then fold."""
        self.appended += 1
        self.log.append([EVENTS[0] | {"event_id": f"new {self.appended}", "stream": f"s{self.appended}"}])
        return super().as_of(events, moment)


@pytest.mark.parametrize("sizes", SIZES)
def test_events_that_arrive_during_a_question_are_not_seen(tmp_path: Path, sizes: str) -> None:
    """Both sides of a diff, and all parts of the index, show the same events."""
    before = _timeline(tmp_path / "log", sizes)
    expected = before.diff("2024-01-01", "2024-01-02")
    timeline = Timeline(before.log, BUSY, engine=AppendingEngine(Log(before.log.path)), tuning=before.tuning)
    assert timeline.diff("2024-01-01", "2024-01-02").equals(expected)
    assert before.log.head > len(EVENTS)


def test_an_attempt_whose_files_are_missing_is_made_again(tmp_path: Path) -> None:
    """The first attempt ends without an error; the second one reads an index that was rebuilt."""
    timeline = _timeline(tmp_path / "log", "in files")
    expected = len(timeline.entities())
    index, attempts = index_of(timeline), 0
    for attempt in index.views():
        with attempt as view:
            attempts += 1
            if attempts == 1:
                for path in index.folder.glob("*.parquet"):
                    path.unlink()
            counts = view.map(
                lambda events: len(events.clustered.in_order.collect()) and len(events.clustered.entities)
            )
    assert attempts == 2
    assert sum(counts) == expected


def test_other_errors_end_the_question(tmp_path: Path) -> None:
    """Only missing files are a reason to try again."""
    views = index_of(_timeline(tmp_path / "log", "in files")).views()
    with pytest.raises(ZeroDivisionError), next(views) as view:
        view.map(lambda events: len(events.clustered) // 0)
