"""Values in SQL: every dtype is stored exactly, and documented queries work."""

import math
import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import eventsource as es
from eventsource.plan import Rule
from eventsource.readmodel import ReadModel
from eventsource.readmodel._columns import encode, kind_of, sql_type
from eventsource.readmodel._escapes import unescape
from tests.readmodel.readmodelkit import (
    Shop,
    assert_equal,
    event,
    inspected,
    latest,
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
def test_values_are_stored_exactly(url: str, name: str) -> None:
    """Every value of every dtype comes back, from a column of the documented type."""
    from eventsource.readmodel._database import database_at  # noqa: PLC0415 - the one test that looks inside
    from eventsource.readmodel._tables import create_new  # noqa: PLC0415 - likewise

    dtype, values = VALUES[name]
    frame = pl.DataFrame({"entity": [f"{n:02}" for n in range(len(values))], "v": pl.Series(values, dtype=dtype)})
    database = database_at(url)
    with database.write_transaction("x") as connection:
        table = create_new(connection, frame.schema, database)
        database.load(connection, table, frame)
    found = rows_of(url, table.name, frame)
    for row, expected in zip(found, frame["v"].to_list(), strict=True):
        same = row["v"] == expected and type(row["v"]) is type(expected)
        assert same or (math.isnan(row["v"]) and math.isnan(expected))
    assert kind_of(dtype) == kind_of(dtype)
    assert encode(frame, database.dialect).columns == frame.columns
    assert str(sql_type(dtype, database.dialect).compile(database.engine.dialect))


def test_instants_are_stored_in_utc(url: str) -> None:
    """A field in another time zone has the same instants."""
    zoned = latest("v", pl.Datetime("us", "Europe/Warsaw"))
    derived = Rule(name="d", op="derive", expression=pl.col("v").dt.convert_time_zone("America/New_York"))
    model = ReadModel(over([event(0, "a", "Set", v="2024-07-01T12:00:00Z")], plan(zoned, derived)), url, table="t")
    model.refresh()
    assert_equal(model, url)


def test_what_postgresql_cannot_hold_is_stored_in_a_reversible_escape(postgresql: Server, tmp_path: Path) -> None:
    """NUL in ids, texts, lists and names of fields: all rows are written, and no two texts become equal."""
    texts = ["x\0y", "x\ufffdy", "x␛0y", "x␛␛0y", "x\\u0000y", "\0", "␛", "\0\0", "x\x1ay"]
    events = [event(number, text, "Set", v=text) for number, text in enumerate(texts)]
    of = plan(latest("v\0w"), Rule(name="all", op="distinct", events=("Set",), of="v"))
    file, server = f"sqlite:///{tmp_path}/x.db", postgresql.database()
    for url in (file, server):
        model = ReadModel(over(events, of), url, history=True)
        model.refresh()
        assert model.verify().is_empty()
    assert {row[:2] for row in sql(file, 'SELECT entity, "v␛0w" FROM thing')} == {(text, text) for text in texts}
    stored = sql(server, 'SELECT entity, "v␛0w", "all" FROM thing ORDER BY "v␛0w" COLLATE "C"')
    assert len(stored) == len(texts)
    assert {unescape(entity) for entity, _, _ in stored} == set(texts)
    assert all(entity == v and items == [v] for entity, v, items in stored)
    assert ("x␛0y", "x␛0y", ["x␛0y"]) in stored
    assert ("x␛␛0y", "x␛␛0y", ["x␛␛0y"]) in stored


def test_one_id_with_nul_stops_no_read_model(postgresql: Server, tmp_path: Path) -> None:
    """Merges and differences name it as answers do; `lag` says that it is escaped."""
    log, url = es.Log(tmp_path / "log"), postgresql.database()
    model = ReadModel(es.Timeline(log, Shop), url, history=True)
    log.append([event(1, "a", "Opened", name="A")])
    model.refresh()
    assert (model.lag().escaped, model.escaped_ids().height) == (0, 0)
    log.append([event(2, "a\0b", "Opened", name="B\0"), event(3, "c", "Opened", name="C")])
    assert model.refresh().written == 4
    assert model.verify().is_empty()
    assert sql(url, "SELECT entity, name FROM shop ORDER BY 1") == [("a", "A"), ("a␛0b", "B␛0"), ("c", "C")]
    assert str(model.lag()) == "at position 3, up to date; 1 id in an escaped form"
    assert model.escaped_ids().rows() == [("a\0b", "a␛0b")]
    sql(url, "UPDATE shop SET name = 'wrong' WHERE entity = 'a␛0b'")
    assert model.verify().rows() == [("shop", "a\0b", "different")]
    log.append([event(4, "a\0b", "Closed")])
    model.refresh()
    assert (sql(url, "SELECT entity FROM shop ORDER BY 1"), model.lag().escaped) == ([("a",), ("c",)], 0)


def test_ids_that_are_too_long_for_an_index(url: str, tmp_path: Path) -> None:
    """PostgreSQL's B-trees hold 2,704 bytes: longer ids are stored shortened, and listed; all rows are written."""
    chance = random.Random(3)
    long = [
        "".join(chance.choices("abcdefghijklmnopqrstuvwxyz0123456789ö", k=size)) for size in (2500, 2700, 9000)
    ]
    long += [long[2] + "1", "s"]
    log = es.Log(tmp_path / "log")
    log.append([event(number, name, "Opened", name=name[:5]) for number, name in enumerate(long)])
    model = ReadModel(es.Timeline(log, Shop), url, history=True)
    model.refresh()
    log.append([event(10 + number, name, "Renamed", name="new") for number, name in enumerate(long)])
    log.append([event(20, long[1], "Closed")])
    assert model.refresh().rebuilt == ""
    assert model.verify().is_empty()
    assert sql(url, "SELECT count(*), count(DISTINCT entity) FROM shop WHERE name = 'new'") == [(4, 4)]
    if "sqlite" in url:
        assert model.lag().escaped == 0
        return
    assert (model.lag().escaped, str(model.lag())) == (2, "at position 11, up to date; 2 ids in an escaped form")
    listed = model.escaped_ids()
    assert sorted(listed["entity"]) == sorted(long[2:4])
    assert all(len(stored.encode()) < 2600 and "␛#" in stored for stored in listed["stored"])


def test_the_documented_query_is_as_of(url: str, tmp_path: Path) -> None:
    """The table of history answers as-of questions in SQL, with an index."""
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
    """A decimal is compared as a number after a cast; NaN is excluded by its text."""
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
