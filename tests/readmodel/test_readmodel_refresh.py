"""What a refresh writes, what it notices, and what it refuses."""

import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import eventsource as es
from eventsource.errors import DatabaseError, EventsourceError, ReadModelError
from eventsource.plan import Plan, Rule
from eventsource.readmodel import ReadModel, _database, _keeper
from eventsource.readmodel._columns import encoded, kind_of, sql_type
from eventsource.testing import MemoryLog
from tests.readmodel.postgreskit import Server
from tests.readmodel.readmodelkit import Shop, event, inspected, opened, rows_of, shop_log, sql, visits

pytestmark = pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning")
"""The logs here begin small."""

HOSTILE = ('a"b', "a'b", "a%b", "a%(x)s", "a:b", "a b", "select", "a;DROP TABLE x--", "ż", "a\\b", "a.b", "{x}")


def plan(*rules: Rule, **more: Any) -> Plan:
    return Plan("Thing", rules, **more)


def latest(name: str, dtype: pl.DataType | None = None) -> Rule:
    return Rule(name=name, op="latest", events=("Set",), of="v", dtype=dtype)


def over(events: list[dict[str, Any]], of: Plan | type[es.Model]) -> es.Timeline:
    return es.Timeline(MemoryLog(events), of)


def assert_equal(model: ReadModel, url: str) -> None:
    """Assert law 7, by the model's own comparison and by SQL."""
    assert model.verify().is_empty()
    states = model.timeline.as_of()
    assert rows_of(url, model.table, states) == states.to_dicts()
    if model.history:
        history = model.timeline.history()
        assert rows_of(url, f"{model.table}_history", history) == history.to_dicts()


def marks(url: str, table: str) -> set[tuple[Any, ...]]:
    """Return what PostgreSQL knows of each row's last writer."""
    return set(sql(url, f'SELECT entity, xmin::text FROM "{table}"'))


def test_a_refresh_writes_only_what_changed(postgresql: Server, tmp_path: Path) -> None:
    """Rows that did not change keep the transaction that wrote them."""
    url, log = postgresql.database(), shop_log(tmp_path, 50)
    model = ReadModel(es.Timeline(log, Shop), url, table="shops", history=True)
    assert (model.refresh().written, model.refresh().written) == (100, 0)
    before = marks(url, "shops"), marks(url, "shops_history")
    log.append(
        [event(900, "s00007", "Visited", tag="x"), event(901, "s00008", "Demoted"), event(902, "x", "Other")]
    )
    done = model.refresh()
    assert (done.events, done.written, done.deleted, done.rebuilt) == (3, 3, 0, "")
    after = marks(url, "shops"), marks(url, "shops_history")
    assert {row[0] for row in after[0] - before[0]} == {"s00007"}
    assert {row[0] for row in after[1] - before[1]} == {"s00007"}
    assert_equal(model, url)


def test_instants_of_another_zone_are_the_same_instants(url: str) -> None:
    """What a model has in its own zone stands in UTC, as all instants do."""
    zoned = latest("v", pl.Datetime("us", "Europe/Warsaw"))
    derived = Rule(name="d", op="derive", expression=pl.col("v").dt.convert_time_zone("America/New_York"))
    model = ReadModel(over([event(0, "a", "Set", v="2024-07-01T12:00:00Z")], plan(zoned, derived)), url, table="t")
    model.refresh()
    assert_equal(model, url)


def test_a_read_model_of_an_empty_log_goes_on(url: str, tmp_path: Path) -> None:
    """There is no log yet when a service starts; its first events are written as all others."""
    log = es.Log(tmp_path / "log")
    model = ReadModel(es.Timeline(log, Shop), url, table="shops")
    assert (model.refresh().rebuilt, model.lag().events) == ("not made yet", 0)
    log.append(opened(3))
    assert (model.lag().events, model.refresh().written) == (3, 3)
    assert_equal(model, url)


def test_a_log_that_was_put_back_is_rebuilt_from_what_it_has(url: str, tmp_path: Path) -> None:
    """A backup has fewer events; what came after it is not what the caches of the log know."""
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
    with pytest.raises(ReadModelError, match="put back"):
        model.refresh()
    model.rebuild()
    events = again.scan().collect()
    expected = es.Timeline(MemoryLog(events.drop("position")), Shop).as_of()
    assert rows_of(url, "shops", expected) == expected.to_dicts()


def test_a_mended_export_of_a_log_that_was_put_back_is_noticed(url: str, tmp_path: Path) -> None:
    """The ids and their number are those that the table took in; the events are not."""
    log = es.Log(tmp_path / "log")
    log.append(opened(3))
    shutil.copytree(log.path, tmp_path / "backup")
    log.append([event(7, "s00001", "Visited", tag="faulty")])
    ReadModel(es.Timeline(log, Shop), url, table="shops").refresh()
    shutil.rmtree(tmp_path / "log" / "events")
    shutil.copytree(tmp_path / "backup" / "events", tmp_path / "log" / "events")
    es.Log(log.path).append([event(7, "s00001", "Visited", tag="mended")])
    model = ReadModel(es.Timeline(es.Log(log.path), Shop), url, table="shops")
    for asks in (model.refresh, model.lag, model.verify):
        with pytest.raises(ReadModelError, match="put back"):
            asks()
    model.rebuild()
    assert_equal(model, url)


@pytest.mark.parametrize("name", ["excluded", "Excluded"])
def test_a_table_is_not_called_as_the_rows_to_be_inserted(url: str, name: str) -> None:
    """SQL could not tell them apart."""
    with pytest.raises(ReadModelError, match="name another table"):
        ReadModel(over([], Shop), url, table=name)


def test_what_a_database_can_never_take_is_no_outage(url: str) -> None:
    """More columns than it has: a service must not try again for ever."""
    wide = plan(*(Rule(name=f"f{n}", op="count", events=("Set",)) for n in range(2100)))
    with pytest.raises(ReadModelError, match="columns") as told:
        ReadModel(over([event(0, "a", "Set")], wide), url, table="t").refresh()
    assert not isinstance(told.value, DatabaseError)


def test_a_read_model_follows_the_log(url: str, tmp_path: Path) -> None:
    """After every append, late events and deletions among them, the tables are those of the model."""
    log = shop_log(tmp_path)
    model = ReadModel(es.Timeline(log, Shop), url, table="shops", history=True)
    assert model.lag().position is None
    assert model.refresh().rebuilt == "not made yet"
    for begin in range(1000, 1300, 60):
        log.append(visits(begin, 60, 25))
        assert model.lag().events == 60
        assert not model.refresh().rebuilt
        assert_equal(model, url)
    assert (model.lag().events, model.lag().seconds) == (0, 0.0)
    assert model.rebuild().rebuilt == "asked for"
    assert_equal(model, url)


def test_lag_counts_from_the_first_event_that_is_missing(url: str, tmp_path: Path) -> None:
    """Lag is the events that are not taken in, and how long ago the first of them was recorded."""
    log = shop_log(tmp_path)
    model = ReadModel(es.Timeline(log, Shop), url)
    model.refresh()
    then = datetime.now(UTC) - timedelta(hours=2)
    log.append([event(500, "s1", "Visited") | {"recorded_at": then}, event(501, "s1", "Visited")])
    lag = model.lag()
    assert (lag.events, lag.position) == (2, 20)
    assert 7200 <= lag.seconds < 7300


def test_a_changed_model_is_rebuilt(url: str, tmp_path: Path) -> None:
    """Rows of one model are never mixed with those of another; history comes and goes when asked for."""
    log = shop_log(tmp_path)
    ReadModel(es.Timeline(log, Shop), url, table="t").refresh()
    other = plan(Rule(name="n", op="count", events=("Opened",)))
    changed = ReadModel(es.Timeline(log, other), url, table="t")
    assert changed.refresh().rebuilt == "the model changed"
    assert_equal(changed, url)
    told = ReadModel(es.Timeline(log, other), url, table="t", history=True)
    assert told.refresh().rebuilt == "history is asked for"
    assert_equal(told, url)
    with pytest.raises(ReadModelError, match="has a table of history"):
        changed.refresh()
    changed.rebuild()
    assert_equal(changed, url)
    assert not inspected(url, lambda there: there.has_table("t_history"))


def test_who_only_asks_makes_nothing(tmp_path: Path) -> None:
    """Neither lag nor verify leaves a file where there is no database yet; a URI of SQLite's own is left to it."""
    timeline, made = es.Timeline(shop_log(tmp_path), Shop), set(tmp_path.iterdir())
    model = ReadModel(timeline, f"sqlite:///{tmp_path}/x.db")
    assert (model.lag().events, model.lag().position) == (20, None)
    with pytest.raises(ReadModelError, match="there is no read model 'shop'"):
        model.verify()
    assert set(tmp_path.iterdir()) == made
    model.refresh()
    assert ReadModel(timeline, f"sqlite:///file:{tmp_path}/x.db?mode=ro&uri=true").lag().position == 20


def test_lag_tells_what_a_refresh_would_rebuild_for(url: str, tmp_path: Path) -> None:
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
    assert str(model.lag()).endswith("behind; a refresh rebuilds it: a table was gone")
    assert model.refresh().rebuilt == "a table was gone"


@pytest.mark.parametrize(("first", "then"), [(1, "text"), (1, 2.5), (None, 3), (True, 1), (2**40, 2**70)])
def test_a_changed_dtype_is_rebuilt(url: str, first: Any, then: Any) -> None:
    """Where the log brings other values into a member, its column gets their type."""
    events = [event(1, "a", "Set", v=first), event(2, "b", "Set", v=first), event(3, "c", "Set", v=then)]
    of = plan(latest("v"))
    ReadModel(over(events[:2], of), url, history=True).refresh()
    model = ReadModel(over(events, of), url, history=True)
    assert model.refresh().rebuilt.startswith("v is ")
    assert_equal(model, url)


def _anything(state: Any, event: Any) -> Any:
    return event.data["v"]


def test_an_untyped_reduce_finds_its_column(url: str) -> None:
    """Values of some entities only must not decide a dtype: integers go into a column of floats."""
    rule = Rule(name="v", op="reduce", events=("Set",), function=_anything)
    events = [event(1, "a", "Set", v=1.5), event(2, "b", "Set", v=1), event(3, "b", "Set", v=7)]
    ReadModel(over(events[:2], plan(rule)), url).refresh()
    model = ReadModel(over(events, plan(rule)), url)
    assert not model.refresh().rebuilt
    assert rows_of(url, "thing", model.timeline.as_of()) == [{"entity": "a", "v": 1.5}, {"entity": "b", "v": 7.0}]


VALUES: dict[str, tuple[pl.DataType, list[Any]]] = {
    "boolean": (pl.Boolean(), [True, False, None]),
    "bigint": (pl.Int64(), [2**63 - 1, -(2**63), 0, None]),
    "small": (pl.UInt32(), [2**32 - 1, 0]),
    "wide": (pl.UInt64(), [2**64 - 1, 0, None]),
    "widest": (pl.Int128(), [2**126, -(2**126)]),
    "double": (pl.Float64(), [0.1, 5e-324, 1.7976931348623157e308, -0.0, math.inf, -math.inf, math.nan, None]),
    "single": (pl.Float32(), [0.5, math.nan]),
    "money": (pl.Decimal(38, 2), [Decimal("123456789012345678901234567890.12"), Decimal("-0.01"), None]),
    "instant": (
        pl.Datetime("us", "UTC"),
        [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), None],
    ),
    "local": (pl.Datetime("us"), [datetime(2024, 6, 30, 12, 0, 0, 1), None]),  # noqa: DTZ001 - without a zone
    "date": (pl.Date(), [date(1, 1, 1), date(9999, 12, 31), None]),
    "time": (pl.Time(), [datetime(2024, 1, 1, 23, 59, 59, 999999, tzinfo=UTC).time(), None]),
    "duration": (pl.Duration("us"), [timedelta(days=-4000, microseconds=1), timedelta(days=99999), None]),
    "binary": (pl.Binary(), [b"\x00\xff\\x00", b"", None]),
    "text": (pl.String(), ["", '"', "\\.", "a\n\\.\nb", "\r\n", "NULL", "\\N", "Łódź 🦆", ",", "' --", None]),
    "category": (pl.Categorical(), ["x", None]),
    "list": (pl.List(pl.String()), [["a", '"', "\\u0000", ""], [], None]),
    "numbers": (pl.List(pl.Int64()), [[2**63 - 1, -1], None]),
    "fractions": (pl.List(pl.Decimal(18, 2)), [[Decimal("1.10")], None]),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_come_back_as_they_were(url: str, name: str) -> None:
    """Every value of every dtype is stored exactly, and in a column of the type that is promised."""
    from eventsource.readmodel._open import database_at  # noqa: PLC0415 - the one test that looks inside
    from eventsource.readmodel._tables import beside  # noqa: PLC0415 - likewise

    dtype, values = VALUES[name]
    frame = pl.DataFrame({"entity": [f"{n:02}" for n in range(len(values))], "v": pl.Series(values, dtype=dtype)})
    database = database_at(url)
    with database.writing("x") as connection:
        table = beside(connection, frame.schema, database)
        database.load(connection, table, frame)
    found = rows_of(url, table.name, frame)
    for row, expected in zip(found, frame["v"].to_list(), strict=True):
        same = row["v"] == expected and type(row["v"]) is type(expected)
        assert same or (math.isnan(row["v"]) and math.isnan(expected))
    assert kind_of(dtype) == kind_of(dtype)
    assert encoded(frame, database.dialect).columns == frame.columns
    assert str(sql_type(dtype, database.dialect).compile(database.engine.dialect))


def test_hostile_names_are_data(url: str) -> None:
    """Tables and fields may have any name that the database can hold; values are never read as SQL."""
    events = [event(n, name, "Set", v=name) for n, name in enumerate(HOSTILE)]
    of = plan(*(latest(name) for name in HOSTILE))
    for name in HOSTILE[:6]:
        model = ReadModel(over(events[:3], of), url, table=name, history=True)
        model.refresh()
        model = ReadModel(over(events, of), url, table=name, history=True)
        assert model.refresh().written == 2 * (len(HOSTILE) - 3)
        model.rebuild()
        assert_equal(model, url)


def test_a_model_without_fields(url: str) -> None:
    """A table of existence alone is kept, too."""
    of = plan(created=("Set",), deleted=("Gone",))
    events = [event(1, "a", "Set"), event(2, "b", "Set"), event(3, "a", "Gone")]
    ReadModel(over(events[:2], of), url, history=True).refresh()
    model = ReadModel(over(events, of), url, history=True)
    assert (model.refresh().deleted, model.refresh().deleted) == (1, 0)
    assert_equal(model, url)


def test_an_empty_log(url: str, tmp_path: Path) -> None:
    """A log without events gives empty tables with all columns."""
    model = ReadModel(es.Timeline(es.Log(tmp_path / "log"), Shop), url, history=True)
    model.refresh()
    assert_equal(model, url)


@pytest.mark.parametrize("taken", ["shops", "shops_history"])
def test_a_foreign_table_is_refused(url: str, tmp_path: Path, taken: str) -> None:
    """A table that this package did not make is neither written nor dropped, by no way."""
    sql(url, f"CREATE TABLE {taken} (entity TEXT PRIMARY KEY, precious TEXT)")
    sql(url, f"INSERT INTO {taken} VALUES ('a', 'b')")
    model = ReadModel(es.Timeline(shop_log(tmp_path), Shop), url, table="shops", history=True)
    for attempt in (model.refresh, model.rebuild):
        with pytest.raises(ReadModelError, match=f"a table '{taken}' that is not of this read model"):
            attempt()
    assert sql(url, f"SELECT * FROM {taken}") == [("a", "b")]


def test_a_table_in_place_of_ours_is_refused(url: str, tmp_path: Path) -> None:
    """A table that somebody put in the place of ours, with other columns, is refused; one that is gone is made."""
    model = ReadModel(es.Timeline(shop_log(tmp_path), Shop), url, table="shops")
    model.refresh()
    sql(url, "DROP TABLE shops")
    assert model.refresh().rebuilt == "a table was gone"
    sql(url, "DROP TABLE shops")
    sql(url, "CREATE TABLE shops (precious TEXT)")
    with pytest.raises(ReadModelError, match="not of this read model"):
        model.rebuild()


def test_another_log_is_noticed(url: str, tmp_path: Path) -> None:
    """Rows of one log never get changes of another; a rebuild on request takes the new one."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    ReadModel(es.Timeline(shop_log(tmp_path / "one"), Shop), url).refresh()
    model = ReadModel(es.Timeline(shop_log(tmp_path / "two", 30), Shop), url)
    for question in (model.refresh, model.lag, model.verify):
        with pytest.raises(ReadModelError, match="another log"):
            question()
    model.rebuild()
    assert_equal(model, url)


def test_a_log_that_was_put_back_is_noticed(url: str) -> None:
    """A log that ends before the read model's position, or has another event there, is not followed."""
    events = opened(5)
    ReadModel(over(events, Shop), url).refresh()
    shorter, other = events[:3], [*events[:4], event(77, "new", "Opened"), event(78, "new", "Visited")]
    for log in (shorter, other):
        model = ReadModel(over(log, Shop), url)
        with pytest.raises(ReadModelError, match="the log was put back"):
            model.refresh()
    model.rebuild()
    assert_equal(model, url)


def test_a_wrong_row_is_found(url: str, tmp_path: Path) -> None:
    """verify() names rows that are missing, extra or different, and a refresh does not hide them."""
    model = ReadModel(es.Timeline(shop_log(tmp_path), Shop), url, table="shops")
    model.refresh()
    sql(url, "UPDATE shops SET name = 'x' WHERE entity = 's00001'")
    sql(url, "UPDATE shops SET entity = 'nobody' WHERE entity = 's00002'")
    found = model.verify().drop("table").rows()
    assert found == [("nobody", "extra"), ("s00001", "different"), ("s00002", "missing")]
    model.rebuild()
    assert_equal(model, url)


def test_nul_characters(postgresql: Server, tmp_path: Path) -> None:
    """SQLite holds NUL; in PostgreSQL's texts U+FFFD stands for it, and an id that has one is refused."""
    events = [event(1, "a", "Set", v="x\0y\\u0000"), event(2, "b", "Set", v="z")]
    of = plan(latest("v"), Rule(name="all", op="distinct", events=("Set",), of="v"))
    file, server = f"sqlite:///{tmp_path}/x.db", postgresql.database()
    for url in (file, server):
        model = ReadModel(over(events, of), url)
        model.refresh()
        assert model.verify().is_empty()
    assert sql(file, "SELECT v FROM thing")[0] == ("x\0y\\u0000",)
    assert sql(server, 'SELECT v, "all" FROM thing')[0] == ("x\ufffdy\\u0000", ["x\ufffdy\\u0000"])
    nul = ReadModel(over([*events, event(3, "c\0", "Set", v="")], of), server)
    with pytest.raises(ReadModelError, match="NUL character"):
        nul.refresh()


def test_names_that_a_database_cannot_hold(postgresql: Server, tmp_path: Path) -> None:
    """What would be cut off, or taken for another column, is refused at once."""
    file, server = f"sqlite:///{tmp_path}/x.db", postgresql.database()
    with pytest.raises(ReadModelError, match="63 bytes"):
        ReadModel(over([], plan(latest("ż" * 32))), server)
    with pytest.raises(ReadModelError, match="63 bytes"):
        ReadModel(over([], Shop), server, table="t" * 56, history=True)
    with pytest.raises(ReadModelError, match="'City' and 'city' apart"):
        ReadModel(over([], plan(latest("City"), latest("city"))), file)
    ReadModel(over([], plan(latest("City"), latest("city"))), server).refresh()
    for url in (file, server):
        with pytest.raises(ReadModelError, match="bookkeeping"):
            ReadModel(over([], Shop), url, table="eventsource_readmodels")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y", "", "duckdb:///x", "me@x.db"])
def test_urls_that_are_none(url: str) -> None:
    """A URL that cannot be meant is refused, with one that can."""
    with pytest.raises(ReadModelError, match=r"Hint: .*sqlite:///customers\.db"):
        ReadModel(over([], Shop), url)


@pytest.mark.parametrize("path", ["people.db", "/data/people.db", "C:\\people.db"])
def test_a_path_in_place_of_a_url(path: str) -> None:
    """What was given is told, with the URL that it may have meant."""
    with pytest.raises(ReadModelError) as told:
        ReadModel(over([], Shop), path)
    assert str(told.value).startswith(f"{path!r} is no URL of a database\nHint: sqlite:///{path} or postgresql")


@pytest.mark.parametrize(
    "url", ["postgresql//me:secret@host/x", "postgresql://me:secret@host:port/x", "me:secret@x"]
)
def test_passwords_of_what_is_no_url(url: str) -> None:
    """What stands before the host of something that is no URL may be a password: it is not repeated."""
    with pytest.raises(ReadModelError, match=r"'…@.* is no URL of a database") as told:
        ReadModel(over([], Shop), url)
    assert "secret" not in str(told.value)


def test_passwords_are_never_shown(tmp_path: Path) -> None:
    """Neither representation nor errors show the password of a URL."""
    model = ReadModel(over([], Shop), "postgresql+psycopg://me:secret@127.0.0.1:1/x")
    with pytest.raises(DatabaseError) as told:
        model.refresh()
    assert "refused" in str(told.value)
    assert "secret" not in f"{model!r} {told.value}"
    assert isinstance(told.value, OSError | EventsourceError)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """SQLite's reason is told, with the file that it is about, and the folder that it does not name."""
    folder = tmp_path / "nowhere"
    model = ReadModel(over([], Shop), f"sqlite:///{folder}/x.db")
    reason = rf"nowhere/x\.db: unable to open database file: there is no folder {folder}\nHint: mkdir -p {folder}$"
    with pytest.raises(DatabaseError, match=reason):
        model.refresh()


@contextmanager
def bound_by_permissions() -> Iterator[None]:
    """Be somebody whom the modes of files bind; root is not."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_what_is_not_writable() -> None:
    """Where SQLite may not write, the folder or the file that it may not is named."""
    with tempfile.TemporaryDirectory() as name:
        folder, file = Path(name), Path(name) / "x.db"
        model = ReadModel(over([event(1, "a", "Opened")], Shop), f"sqlite:///{file}")

        def refused(locked: Path) -> None:
            with (
                bound_by_permissions(),
                pytest.raises(DatabaseError, match=rf"database.*: {locked} is not writable$"),
            ):
                model.rebuild()

        folder.chmod(0o555)
        refused(folder)
        folder.chmod(0o777)
        model.refresh()
        file.chmod(0o444)
        refused(file)


def test_privileges_outlive_a_rebuild(postgresql: Server, tmp_path: Path) -> None:
    """Who may read the table may read the one that takes its place."""
    url = postgresql.database()
    model = ReadModel(es.Timeline(shop_log(tmp_path), Shop), url, table='my"shops')
    model.refresh()
    sql(url, 'CREATE ROLE "an%alyst"')
    sql(url, 'GRANT SELECT ON "my""shops" TO "an%alyst" WITH GRANT OPTION')
    sql(url, 'GRANT SELECT, INSERT ON "my""shops" TO PUBLIC')
    query = """SELECT relacl::text FROM pg_class WHERE relname = 'my"shops'"""
    before = sql(url, query)
    model.rebuild()
    assert sql(url, query) == before


def test_views_outlive_a_rebuild_in_sqlite(tmp_path: Path) -> None:
    """A view of the table shows the one that takes its place."""
    url, log = f"sqlite:///{tmp_path}/x.db", shop_log(tmp_path)
    model = ReadModel(es.Timeline(log, Shop), url, table="shops")
    model.refresh()
    sql(url, "CREATE VIEW names AS SELECT name FROM shops")
    log.append([event(300, "s1", "Opened", name="Late")])
    model.rebuild()
    assert ("Late",) in sql(url, "SELECT * FROM names")


def test_a_view_that_stands_in_the_way(postgresql: Server, tmp_path: Path) -> None:
    """PostgreSQL lets nobody drop a table that a view needs: the rebuild says so, and leaves all as it was."""
    url, log = postgresql.database(), shop_log(tmp_path)
    model = ReadModel(es.Timeline(log, Shop), url, table="shops")
    model.refresh()
    sql(url, "CREATE VIEW names AS SELECT name FROM shops")
    with pytest.raises(ReadModelError, match="view names depends on table shops"):
        model.rebuild()
    log.append([event(300, "s1", "Opened", name="Late")])
    assert not model.refresh().rebuilt
    assert_equal(model, url)


def test_the_documented_query_is_as_of(url: str, tmp_path: Path) -> None:
    """The history table answers as-of questions in SQL, by its index."""
    log = shop_log(tmp_path)
    log.append(visits(1000, 200, 25))
    model = ReadModel(es.Timeline(log, Shop), url, table="shops", history=True)
    model.refresh()
    query = (
        "SELECT entity, visits FROM shops_history WHERE valid_from <= :t AND (valid_to > :t OR valid_to IS NULL)"
    )
    for minute in (0, 10, 900, 1100.5, 5000):
        moment = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
        text = f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"
        expected = model.timeline.as_of(moment).select("entity", "visits").rows()
        assert sorted(sql(url, f"{query} ORDER BY entity", t=text if "sqlite" in url else moment)) == expected
    indexes = inspected(url, lambda there: there.get_indexes("shops_history"))
    assert {tuple(index["column_names"]) for index in indexes} >= {("valid_from",), ("valid_to",)}


def test_the_documented_comparisons_of_sqlite(tmp_path: Path) -> None:
    """A decimal is compared as a number once it is cast; NaN, above all numbers, is left out by its name."""
    url, values = f"sqlite:///{tmp_path}/x.db", {"a": 9.0, "b": 1000.5, "c": -1.0, "d": None, "e": 20000.0}
    root = Rule(name="average", op="derive", expression=pl.col("v").sqrt())
    of = plan(latest("v"), latest("spent", pl.Decimal(18, 2)), root)
    model = ReadModel(over([event(n, name, "Set", v=v) for n, (name, v) in enumerate(values.items())], of), url)
    model.refresh()

    def found(where: str) -> str:
        return "".join(row[0] for row in sql(url, f"SELECT entity FROM thing WHERE {where} ORDER BY entity"))

    assert (found("spent > 1000"), found("CAST(spent AS REAL) > 1000")) == ("abe", "be")
    assert (found("average > 100"), found("average > 100 AND average <> 'NaN'")) == ("ce", "e")
    assert model.verify().is_empty()


@pytest.mark.parametrize("more", [{}, {"history": True}], ids=["states", "histories"])
def test_progress_goes_by_entities(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    """Whoever asks for it is told, as rows come in, how many entities are done; at last that all is."""
    monkeypatch.setattr(_database, "_SLICE", 7)
    monkeypatch.setattr(_keeper, "_SLICE", 8)
    told: list[tuple[str, int, int]] = []
    log = shop_log(tmp_path, 20)
    model = ReadModel(es.Timeline(log, Shop), url, **more, progress=lambda *each: told.append(each))

    def during(work: Callable[[], object], phase: str, total: int) -> list[tuple[str, int, int]]:
        told.clear()
        work()
        counted = [done for name, done, of in told if (name, of) == (phase, total)]
        assert counted == sorted(counted)
        assert (counted[0], counted[-1]) == (0, total)
        return told[len(counted) :]

    assert during(model.refresh, "writing", 20) == [("finishing", 0, 1), ("finishing", 1, 1)]
    assert len(told) > 5
    log.append([event(900 + n, f"s{n:05}", "Visited") for n in range(5)])
    assert during(model.refresh, "writing", 5) == [("finishing", 1, 1)]
    assert during(model.verify, "comparing", 20) == []


def test_representations(tmp_path: Path) -> None:
    """What is shown says which table, of which model, where."""
    model = ReadModel(es.Timeline(shop_log(tmp_path), Shop), f"sqlite:///{tmp_path}/x.db", history=True)
    assert repr(model) == f"<ReadModel 'shop' with history of Shop in sqlite:///{tmp_path}/x.db>"
    assert str(model.lag()) == "not made yet, 20 events behind"
    assert str(model.refresh()).startswith(
        "at position 20; rebuilt (not made yet): 40 rows written, 0 deleted in "
    )
    assert str(model.lag()) == "at position 20, up to date"
