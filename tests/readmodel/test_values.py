"""Values in SQL: every dtype is stored exactly, and documented queries work."""

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import eventsource as es
from eventsource.errors import ReadModelError
from eventsource.plan import Rule
from eventsource.readmodel import ReadModel
from eventsource.readmodel._columns import encode, kind_of, sql_type
from tests.readmodel.postgreskit import Server
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


def test_nul_characters(postgresql: Server, tmp_path: Path) -> None:
    """SQLite stores NUL. PostgreSQL cannot: texts get U+FFFD, and an id with NUL is refused."""
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
