"""What a refresh writes, and when it rebuilds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import eventsource as es
from eventsource.errors import ReadModelError
from eventsource.plan import Rule
from eventsource.readmodel import ReadModel, _database, _rows
from tests.readmodel.readmodelkit import (
    Shop,
    assert_equal,
    event,
    inspected,
    latest,
    opened,
    over,
    plan,
    rows_of,
    shop_log,
    sql,
    visits,
)
from tests.services.postgresql import Server

pytestmark = pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning")
"""The logs here begin small."""


def last_writers(url: str, table: str) -> set[tuple[Any, ...]]:
    """Return each entity with the transaction that last wrote its row in PostgreSQL."""
    return set(sql(url, f'SELECT entity, xmin::text FROM "{table}"'))


def test_a_refresh_writes_only_rows_that_changed(postgresql: Server, tmp_path: Path) -> None:
    """A row that did not change keeps the transaction that wrote it."""
    url, log = postgresql.database(), shop_log(tmp_path, 50)
    model = ReadModel(es.Timeline(log, Shop), url, table="shops", history=True)
    assert (model.refresh().written, model.refresh().written) == (100, 0)
    before = last_writers(url, "shops"), last_writers(url, "shops_history")
    log.append(
        [event(900, "s00007", "Visited", tag="x"), event(901, "s00008", "Demoted"), event(902, "x", "Other")]
    )
    done = model.refresh()
    assert (done.events, done.written, done.deleted, done.rebuilt) == (3, 3, 0, "")
    after = last_writers(url, "shops"), last_writers(url, "shops_history")
    assert {row[0] for row in after[0] - before[0]} == {"s00007"}
    assert {row[0] for row in after[1] - before[1]} == {"s00007"}
    assert_equal(model, url)


def test_the_tables_equal_the_model_after_every_refresh(url: str, tmp_path: Path) -> None:
    """Late events and deletions included."""
    log = shop_log(tmp_path)
    model = ReadModel(es.Timeline(log, Shop), url, table="shops", history=True)
    assert model.lag().position is None
    assert model.refresh().rebuilt == "not created yet"
    for begin in range(1000, 1300, 60):
        log.append(visits(begin, 60, 25))
        assert model.lag().events == 60
        assert not model.refresh().rebuilt
        assert_equal(model, url)
    assert (model.lag().events, model.lag().seconds) == (0, 0.0)
    assert model.rebuild().rebuilt == "requested"
    assert_equal(model, url)


def test_a_read_model_may_be_created_before_the_first_event(url: str, tmp_path: Path) -> None:
    """A service may start before the log exists; its first events are written as all others."""
    log = es.Log(tmp_path / "log")
    model = ReadModel(es.Timeline(log, Shop), url, table="shops")
    assert (model.refresh().rebuilt, model.lag().events) == ("not created yet", 0)
    log.append(opened(3))
    assert (model.lag().events, model.refresh().written) == (3, 3)
    assert_equal(model, url)


def test_an_empty_log_gives_empty_tables(url: str, tmp_path: Path) -> None:
    """The tables have all columns."""
    model = ReadModel(es.Timeline(es.Log(tmp_path / "log"), Shop), url, history=True)
    model.refresh()
    assert_equal(model, url)


def test_a_model_without_fields_is_a_table_of_ids(url: str) -> None:
    """Existence alone is kept, too."""
    of = plan(created=("Set",), deleted=("Gone",))
    events = [event(1, "a", "Set"), event(2, "b", "Set"), event(3, "a", "Gone")]
    ReadModel(over(events[:2], of), url, history=True).refresh()
    model = ReadModel(over(events, of), url, history=True)
    assert (model.refresh().deleted, model.refresh().deleted) == (1, 0)
    assert_equal(model, url)


def test_a_changed_model_is_rebuilt(url: str, tmp_path: Path) -> None:
    """Rows of two models are never mixed. A table of history is only dropped on request."""
    log = shop_log(tmp_path)
    ReadModel(es.Timeline(log, Shop), url, table="t").refresh()
    other = plan(Rule(name="n", op="count", events=("Opened",)))
    changed = ReadModel(es.Timeline(log, other), url, table="t")
    assert changed.refresh().rebuilt == "the model changed"
    assert_equal(changed, url)
    with_history = ReadModel(es.Timeline(log, other), url, table="t", history=True)
    assert with_history.refresh().rebuilt == "history is requested"
    assert_equal(with_history, url)
    with pytest.raises(ReadModelError, match="has a table of history"):
        changed.refresh()
    changed.rebuild()
    assert_equal(changed, url)
    assert not inspected(url, lambda there: there.has_table("t_history"))


@pytest.mark.parametrize(("first", "then"), [(1, "text"), (1, 2.5), (None, 3), (True, 1), (2**40, 2**70)])
def test_values_that_do_not_fit_into_a_column_cause_a_rebuild(url: str, first: Any, then: Any) -> None:
    """Where the log brings other values into a member, its column gets their type."""
    events = [event(1, "a", "Set", v=first), event(2, "b", "Set", v=first), event(3, "c", "Set", v=then)]
    of = plan(latest("v"))
    ReadModel(over(events[:2], of), url, history=True).refresh()
    model = ReadModel(over(events, of), url, history=True)
    assert model.refresh().rebuilt.startswith("v is ")
    assert_equal(model, url)


def _last_value(state: Any, event: Any) -> Any:
    return event.data["v"]


def test_the_values_of_an_untyped_reduce_decide_its_column(url: str) -> None:
    """Values of some entities only must not decide a dtype: integers go into a column of floats."""
    rule = Rule(name="v", op="reduce", events=("Set",), function=_last_value)
    events = [event(1, "a", "Set", v=1.5), event(2, "b", "Set", v=1), event(3, "b", "Set", v=7)]
    ReadModel(over(events[:2], plan(rule)), url).refresh()
    model = ReadModel(over(events, plan(rule)), url)
    assert not model.refresh().rebuilt
    assert rows_of(url, "thing", model.timeline.as_of()) == [{"entity": "a", "v": 1.5}, {"entity": "b", "v": 7.0}]


@pytest.mark.parametrize("more", [{}, {"history": True}], ids=["states", "histories"])
def test_progress_counts_entities(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    """The callback hears how many entities are done as rows are written, and at last that all are."""
    monkeypatch.setattr(_database, "_ROWS_PER_LOAD", 7)
    monkeypatch.setattr(_rows, "_ENTITIES_PER_SLICE", 8)
    reports: list[tuple[str, int, int]] = []
    log = shop_log(tmp_path, 20)
    model = ReadModel(es.Timeline(log, Shop), url, **more, progress=lambda *each: reports.append(each))

    def during(work: Callable[[], object], phase: str, total: int) -> list[tuple[str, int, int]]:
        reports.clear()
        work()
        counted = [done for name, done, of in reports if (name, of) == (phase, total)]
        assert counted == sorted(counted)
        assert (counted[0], counted[-1]) == (0, total)
        return reports[len(counted) :]

    assert during(model.refresh, "writing", 20) == [("finishing", 0, 1), ("finishing", 1, 1)]
    assert len(reports) > 5
    log.append([event(900 + n, f"s{n:05}", "Visited") for n in range(5)])
    assert during(model.refresh, "writing", 5) == [("finishing", 1, 1)]
    assert during(model.verify, "comparing", 20) == []


def test_representations(tmp_path: Path) -> None:
    """A read model shows its table, its model and its database."""
    model = ReadModel(es.Timeline(shop_log(tmp_path), Shop), f"sqlite:///{tmp_path}/x.db", history=True)
    assert repr(model) == f"<ReadModel 'shop' with history of Shop in sqlite:///{tmp_path}/x.db>"
    assert str(model.lag()) == "not created yet, 20 events behind"
    assert str(model.refresh()).startswith(
        "at position 20; rebuilt (not created yet): 40 rows written, 0 deleted in "
    )
    assert str(model.lag()) == "at position 20, up to date"
