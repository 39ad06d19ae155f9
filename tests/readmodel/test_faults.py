"""Kills, concurrent refreshes, lost connections: readers never see half of a refresh."""

import random
import time
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

import eventsource as es
from eventsource.errors import DatabaseError, ReadModelBusyError, ReadModelError
from eventsource.readmodel import ReadModel, _database, _rows, _tables_of_model, _writer
from tests.readmodel.readmodelkit import Shop, rows_of, run, shop_log, sql, visits
from tests.services.postgresql import Server

pytestmark = pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning")

WORKER = """
import sys, warnings
warnings.simplefilter("ignore")
from tests.readmodel.readmodelkit import Shop, visits
import eventsource as es
log = es.Log(sys.argv[1])
model = es.ReadModel(es.Timeline(log, Shop), sys.argv[2], table="shops", history=True)
print("ready", flush=True)
for n in range(100):
    log.append(visits(10_000 + log.head, 40, 900))
    model.rebuild() if n % 3 == 2 else model.refresh()
    print(log.head, flush=True)
"""


def model_of(log: es.Log, url: str) -> ReadModel:
    return ReadModel(es.Timeline(log, Shop), url, table="shops", history=True)


def assert_whole(model: ReadModel, url: str) -> int:
    """Assert that rows and position belong together, and return the position."""
    [(position,)] = sql(url, "SELECT position FROM eventsource_readmodels WHERE name = 'shops'")
    states, history = model.timeline.as_of(upto=position), model.timeline.history(upto=position)
    assert rows_of(url, "shops", states) == states.to_dicts()
    assert rows_of(url, "shops_history", history) == history.to_dicts()
    return int(position)


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_consistent_tables(url: str, tmp_path: Path) -> None:
    """After kill -9 during a refresh or rebuild, rows and position belong together, and the next refresh works."""
    log = shop_log(tmp_path, 900)
    model_of(log, url).refresh()
    positions = []
    for _ in range(4):
        worker = run(WORKER, log.path, url)
        with worker:
            assert worker.stdout is not None
            worker.stdout.readline()
            time.sleep(random.uniform(0.02, 0.8))
            worker.kill()
        model = model_of(es.Log(log.path), url)
        positions.append(assert_whole(model, url))
        model.refresh()
        assert assert_whole(model, url) == log.head
    assert positions[-1] > positions[0]
    left = sql(url, _NAMES["postgresql" if "postgresql" in url else "sqlite"])
    assert {name for (name,) in left} == {"shops", "shops_history", "eventsource_readmodels"}


_NAMES = {
    "postgresql": "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
}


@pytest.mark.slow
def test_two_refreshers_never_interleave(url: str, tmp_path: Path) -> None:
    """Two processes that refresh and rebuild the same tables wait for each other, from the first refresh on."""
    log = shop_log(tmp_path, 900)
    code = WORKER.replace("range(100)", "range(5)")
    workers = [run(code, log.path, url) for _ in range(2)]
    for worker in workers:
        out, err = worker.communicate(timeout=120)
        assert worker.returncode == 0, (out, err)
    model = model_of(es.Log(log.path), url)
    model.refresh()
    assert assert_whole(model, url) == log.head > 900


def test_the_second_refresh_gets_an_error_that_says_try_again(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refresh that waits too long for another one fails; a retry is safe."""
    log = shop_log(tmp_path)
    for module in ("_sqlite", "_postgresql"):
        monkeypatch.setattr(f"eventsource.readmodel.{module}.LOCK_TIMEOUT", 1)
    model, other = model_of(log, url), model_of(log, url)
    model.refresh()
    with model._tables.database.write_transaction("shops"), pytest.raises(ReadModelBusyError, match="try again"):
        other.refresh()
    assert other.refresh().written == 0


class Reader(Thread):
    """Reads the tables in a loop, in a new transaction each time, and collects errors."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url, self.done = url, Event()
        self.seen: list[Any] = []
        self.faults: list[Any] = []

    def run(self) -> None:
        """Count the rows until `done` is set."""
        engine = sa.create_engine(self._url)
        while not self.done.is_set():
            try:
                with engine.connect() as connection:
                    count = connection.execute(sa.text("SELECT count(*), count(name) FROM shops")).one()
                self.seen.append(tuple(count))
            except sa.exc.SQLAlchemyError as error:
                self.faults.append(error)
        engine.dispose()


def test_readers_see_no_gap(url: str, tmp_path: Path) -> None:
    """While tables are rebuilt and swapped, every reader finds all rows, and no error."""
    log = shop_log(tmp_path, 3000)
    model = model_of(log, url)
    model.refresh()
    readers = [Reader(url), Reader(url)]
    for reader in readers:
        reader.start()
    for _ in range(5):
        model.rebuild()
    for reader in readers:
        reader.done.set()
        reader.join()
        assert (reader.faults, set(reader.seen)) == ([], {(3000, 3000)})
        assert len(reader.seen) > 10


def test_a_refresh_that_fails_changes_nothing(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error at any step of a refresh rolls everything back: rows, position, temporary tables."""
    log = shop_log(tmp_path, 30)
    model = model_of(log, url)
    model.refresh()
    log.append(visits(1000, 60, 30))
    for module, step in ((_writer, "delete_missing"), (_writer, "upsert"), (_tables_of_model, "write_record")):
        with monkeypatch.context() as patch:
            patch.setattr(module, step, _broken)
            with pytest.raises(RuntimeError, match="broken"):
                model.refresh()
        assert assert_whole(model, url) == 30
    for module, step in ((_writer, "create_indexes"), (_writer, "swap"), (_tables_of_model, "write_record")):
        with monkeypatch.context() as patch:
            patch.setattr(module, step, _broken)
            with pytest.raises(RuntimeError, match="broken"):
                model.rebuild()
        assert assert_whole(model, url) == 30
    model.refresh()
    assert assert_whole(model, url) == 90


def _broken(*_: Any, **__: Any) -> Any:
    raise RuntimeError("broken")


def test_a_connection_that_breaks_is_an_outage(
    postgresql: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server process that ends in the middle of a refresh is an outage; the next refresh works."""
    url, log = postgresql.database(), shop_log(tmp_path, 30)
    model = model_of(log, url)
    model.refresh()
    log.append(visits(1000, 60, 30))

    def ended(connection: sa.Connection, *rest: Any) -> int:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        sql(url, "SELECT pg_terminate_backend(:pid)", pid=driver.info.backend_pid)
        return upsert(connection, *rest)

    upsert = _writer.upsert  # type: ignore[attr-defined]  # replaced where it is used
    with monkeypatch.context() as patch:
        patch.setattr(_writer, "upsert", ended)
        with pytest.raises(DatabaseError):
            model.refresh()
    assert assert_whole(model, url) == 30
    model.refresh()
    assert assert_whole(model, url) == 90


def test_large_loads_come_in_slices(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows and histories are folded and written in slices, with the same result."""
    monkeypatch.setattr(_database, "_ROWS_PER_LOAD", 7)
    monkeypatch.setattr(_rows, "_ENTITIES_PER_SLICE", 11)
    log = shop_log(tmp_path, 40)
    model = model_of(log, url)
    model.refresh()
    log.append(visits(1000, 200, 40))
    assert model.refresh().rebuilt == ""
    assert assert_whole(model, url) == 240
    model.rebuild()
    assert assert_whole(model, url) == 240


@pytest.mark.hostile
@pytest.mark.parametrize(
    "change", ["columns = 'x'", "columns = '[]'", "position = -1", "columns = '{\"n\": 5}'", "fingerprint = 'x'"]
)
def test_a_record_that_cannot_be_read_says_rebuild_and_can_be_rebuilt(
    url: str, tmp_path: Path, change: str
) -> None:
    """Another program changed it: refreshing says what to do, and that works."""
    log = shop_log(tmp_path)
    model = model_of(log, url)
    model.refresh()
    sql(url, f"UPDATE eventsource_readmodels SET {change}")
    if "fingerprint" not in change:
        for does in (model.refresh, model.lag, model.verify):
            with pytest.raises(ReadModelError, match=r"(?s)cannot be read.*rebuild"):
                does()
    model.rebuild()
    assert assert_whole(model, url) == log.head


@pytest.mark.hostile
@pytest.mark.parametrize(
    "change", ["refreshed_at = 'soon'", "last_recorded_at = 7", "position = 'x'", "log = x'00'"]
)
def test_sqlite_takes_values_of_any_type(tmp_path: Path, change: str) -> None:
    """So a record there may have texts that are not times."""
    log, url = shop_log(tmp_path), f"sqlite:///{tmp_path}/read.db"
    model = model_of(log, url)
    model.refresh()
    sql(url, f"UPDATE eventsource_readmodels SET {change}")
    with pytest.raises(ReadModelError, match="cannot be read"):
        model.refresh()
    model.rebuild()
    assert assert_whole(model, url) == log.head
