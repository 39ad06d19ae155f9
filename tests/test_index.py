"""The index: derived, disposable, never stale."""

import shutil
from pathlib import Path

import polars as pl
import pytest

import eventsource as es
from eventsource import demo
from eventsource.demo.models import Customer
from eventsource.index import Index

EVENTS = demo.events(customers=60)

pytestmark = pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning")  # half a log


@pytest.fixture
def asked(tmp_path: Path) -> tuple[es.Log, es.Timeline]:
    """A log with half of the events, and a timeline that keeps its index on disk."""
    log = es.Log(str(tmp_path / "log"))
    log.append(EVENTS.head(EVENTS.height // 2))
    timeline = es.Timeline(log, Customer)
    timeline._index = Index(log, timeline.plan, in_memory=0)
    return log, timeline


def _expected(events: pl.DataFrame, tmp_path: Path) -> pl.DataFrame:
    shutil.rmtree(tmp_path / "fresh", ignore_errors=True)
    log = es.Log(str(tmp_path / "fresh"))
    log.append(events)
    return es.Timeline(log, Customer).as_of("2024-06-30")


def test_it_follows_the_log(asked: tuple[es.Log, es.Timeline], tmp_path: Path) -> None:
    """A question first takes in what the index lacks; few files are kept."""
    log, timeline = asked
    for start in range(EVENTS.height // 2, EVENTS.height, 200):
        log.append(EVENTS.slice(start, 200))
        timeline.as_of()
    assert timeline.as_of("2024-06-30").equals(_expected(EVENTS, tmp_path))
    assert len(list(timeline._index.folder.glob("*"))) <= 2


def test_deleting_or_damaging_it_only_costs_time(asked: tuple[es.Log, es.Timeline], tmp_path: Path) -> None:
    """Without it, or with a file that is no Parquet, the answer is the same."""
    _, timeline = asked
    expected = timeline.as_of("2024-06-30")
    for path in timeline._index.folder.glob("*.parquet"):
        path.write_bytes(b"garbage")
    assert timeline.as_of("2024-06-30").equals(expected)
    shutil.rmtree(timeline._index.folder)
    assert timeline.as_of("2024-06-30").equals(expected)


def test_another_log_at_the_same_path_has_another_index(asked: tuple[es.Log, es.Timeline], tmp_path: Path) -> None:
    """A log that was deleted and made anew, with its old index beside it, answers from its own events."""
    log, timeline = asked
    timeline.as_of()
    shutil.rmtree(tmp_path / "log" / "events")
    anew = es.Log(log.path)
    anew.append(EVENTS.tail(log_size := EVENTS.height // 2))
    again = es.Timeline(anew, Customer)
    again._index = Index(anew, again.plan, in_memory=0)
    assert again.as_of("2024-06-30").equals(_expected(EVENTS.tail(log_size), tmp_path))


def test_upto_pins_an_answer(asked: tuple[es.Log, es.Timeline]) -> None:
    """What stands behind the position changes nothing, whichever file answers."""
    log, timeline = asked
    pinned = log.head
    before = timeline.as_of("2024-06-30", upto=pinned)
    log.append(EVENTS.tail(EVENTS.height // 2))
    timeline.as_of()
    assert timeline.as_of("2024-06-30", upto=pinned).equals(before)
