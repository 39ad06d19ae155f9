"""Logs that are not the one a read model was made from: another log, or one restored from a backup."""

import shutil
from pathlib import Path

import pytest

import eventsource as es
from eventsource.errors import ReadModelError
from eventsource.readmodel import ReadModel
from eventsource.testing import MemoryLog
from tests.readmodel.readmodelkit import Shop, assert_equal, event, opened, over, rows_of, shop_log, visits

pytestmark = pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning")
"""The logs here begin small."""


def test_another_log_is_refused(url: str, tmp_path: Path) -> None:
    """Rows of one log never get changes of another; only a rebuild takes the new one."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    ReadModel(es.Timeline(shop_log(tmp_path / "one"), Shop), url).refresh()
    model = ReadModel(es.Timeline(shop_log(tmp_path / "two", 30), Shop), url)
    for question in (model.refresh, model.lag, model.verify):
        with pytest.raises(ReadModelError, match="another log"):
            question()
    model.rebuild()
    assert_equal(model, url)


def test_a_log_without_the_events_of_the_tables_is_refused(url: str) -> None:
    """It ends before the position of the tables, or has another event there."""
    events = opened(5)
    ReadModel(over(events, Shop), url).refresh()
    shorter, other = events[:3], [*events[:4], event(77, "new", "Opened"), event(78, "new", "Visited")]
    for log in (shorter, other):
        model = ReadModel(over(log, Shop), url)
        with pytest.raises(ReadModelError, match="the log was restored from a backup"):
            model.refresh()
    model.rebuild()
    assert_equal(model, url)


def test_a_restored_log_is_rebuilt_from_its_own_events(url: str, tmp_path: Path) -> None:
    """No cached state of lost events gets into the tables."""
    log = shop_log(tmp_path, 25_000)
    shutil.copytree(log.path, tmp_path / "backup")
    log.append(visits(0, 500, 50))
    model = ReadModel(es.Timeline(log, Shop), url, table="shops")
    model.refresh()
    shutil.rmtree(tmp_path / "log" / "events")
    shutil.copytree(tmp_path / "backup" / "events", tmp_path / "log" / "events")
    again = es.Log(log.path)
    again.append(visits(1000, 900, 70))
    model = ReadModel(es.Timeline(again, Shop), url, table="shops")
    with pytest.raises(ReadModelError, match="restored from a backup"):
        model.refresh()
    model.rebuild()
    events = again.scan().collect()
    expected = es.Timeline(MemoryLog(events.drop("position")), Shop).as_of()
    assert rows_of(url, "shops", expected) == expected.to_dicts()


def test_a_restored_log_with_corrected_events_is_refused(url: str, tmp_path: Path) -> None:
    """Ids and number of events are those that the tables took in; the events are not."""
    log = es.Log(tmp_path / "log")
    log.append(opened(3))
    shutil.copytree(log.path, tmp_path / "backup")
    log.append([event(7, "s00001", "Visited", tag="faulty")])
    ReadModel(es.Timeline(log, Shop), url, table="shops").refresh()
    shutil.rmtree(tmp_path / "log" / "events")
    shutil.copytree(tmp_path / "backup" / "events", tmp_path / "log" / "events")
    es.Log(log.path).append([event(7, "s00001", "Visited", tag="corrected")])
    model = ReadModel(es.Timeline(es.Log(log.path), Shop), url, table="shops")
    for asks in (model.refresh, model.lag, model.verify):
        with pytest.raises(ReadModelError, match="restored from a backup"):
            asks()
    model.rebuild()
    assert_equal(model, url)
