"""Questions to a read model that write nothing: how far it is behind, and which rows are wrong."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import eventsource as es
from eventsource.errors import ReadModelError
from eventsource.plan import Rule
from eventsource.readmodel import ReadModel
from tests.readmodel.readmodelkit import Shop, assert_equal, event, plan, shop_log, sql

pytestmark = pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning")
"""The logs here begin small."""


def test_lag_counts_from_the_first_missing_event(url: str, tmp_path: Path) -> None:
    """Lag is the number of events, and the age of the first of them."""
    log = shop_log(tmp_path)
    model = ReadModel(es.Timeline(log, Shop), url)
    model.refresh()
    then = datetime.now(UTC) - timedelta(hours=2)
    log.append([event(500, "s1", "Visited") | {"recorded_at": then}, event(501, "s1", "Visited")])
    lag = model.lag()
    assert (lag.events, lag.position) == (2, 20)
    assert 7200 <= lag.seconds < 7300


def test_lag_says_why_the_next_refresh_rebuilds(url: str, tmp_path: Path) -> None:
    """A table of another model, or without what is asked for, is not up to date: lag says why."""
    log = shop_log(tmp_path)
    timeline = es.Timeline(log, Shop)
    ReadModel(timeline, url, table="t").refresh()
    other = es.Timeline(log, plan(Rule(name="n", op="count", events=("Opened",))))
    for model in (ReadModel(other, url, table="t"), ReadModel(other, url, table="t", history=True)):
        lag = model.lag()
        assert str(lag) == f"at position 20; a refresh rebuilds it: {lag.rebuild}"
        assert lag.rebuild == model.refresh().rebuilt != ""
        assert model.lag().rebuild == ""
    assert str(ReadModel(other, url, table="t").lag()) == "at position 20, up to date"
    sql(url, "DROP TABLE t")
    log.append([event(900, "s00007", "Visited", tag="x")])
    assert str(model.lag()).endswith("behind; a refresh rebuilds it: a table was missing")
    assert model.refresh().rebuilt == "a table was missing"


def test_lag_and_verify_create_no_file(tmp_path: Path) -> None:
    """A file is created by the first refresh. A URI filename of SQLite is left to SQLite."""
    timeline, made = es.Timeline(shop_log(tmp_path), Shop), set(tmp_path.iterdir())
    model = ReadModel(timeline, f"sqlite:///{tmp_path}/x.db")
    assert (model.lag().events, model.lag().position) == (20, None)
    with pytest.raises(ReadModelError, match="the read model 'shop' does not exist"):
        model.verify()
    assert set(tmp_path.iterdir()) == made
    model.refresh()
    assert ReadModel(timeline, f"sqlite:///file:{tmp_path}/x.db?mode=ro&uri=true").lag().position == 20


def test_verify_finds_wrong_rows(url: str, tmp_path: Path) -> None:
    """Rows are missing, extra or different; a refresh does not hide them, a rebuild repairs them."""
    model = ReadModel(es.Timeline(shop_log(tmp_path), Shop), url, table="shops")
    model.refresh()
    sql(url, "UPDATE shops SET name = 'x' WHERE entity = 's00001'")
    sql(url, "UPDATE shops SET entity = 'nobody' WHERE entity = 's00002'")
    found = model.verify().drop("table").rows()
    assert found == [("nobody", "extra"), ("s00001", "different"), ("s00002", "missing")]
    model.rebuild()
    assert_equal(model, url)
