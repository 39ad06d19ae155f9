"""Helpers of the tests of read models: rows as SQL sees them, a growing log, programs to be killed."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa

import eventsource as es
from eventsource.plan import Plan, Rule
from eventsource.testing import MemoryLog

ROOT = Path(__file__).parents[2]


class Shop(es.Model, created="Opened", deleted="Closed"):
    """A model with a column of every common kind."""

    name = es.latest("Opened", "Renamed", of="name")
    paid = es.total("Paid", of="amount", dtype=pl.Decimal(18, 2))
    visits = es.count("Visited")
    vip = es.flag(on="Promoted", off="Demoted")
    seen = es.latest("Visited")
    tags = es.distinct("Visited", of="tag")


def event(number: int, stream: str, kind: str, **data: Any) -> dict[str, Any]:
    at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
    return {"event_id": f"e{number}", "stream": stream, "type": kind, "occurred_at": at, "data": data}


def opened(count: int) -> list[dict[str, Any]]:
    """Return the first events of some shops."""
    return [event(n, f"s{n:05}", "Opened", name=f"Shop {n}") for n in range(count)]


def visits(begin: int, count: int, among: int) -> list[dict[str, Any]]:
    """Return events that touch a few of the shops, some of them late, some of them the shop's last."""
    kinds = ("Visited", "Paid", "Promoted", "Renamed", "Demoted", "Visited", "Closed")
    found = []
    for n in range(begin, begin + count):
        data = {"amount": n / 100, "tag": f"t{n % 5}", "name": f"Name {n}"}
        late = event(n - 500 if n % 11 == 0 else n, f"s{n * 7 % among:05}", kinds[n % 7], **data)
        found.append(late | {"event_id": f"v{n}"})
    return found


def shop_log(folder: Path, count: int = 20) -> es.Log:
    """Return a log with some shops."""
    log = es.Log(folder / "log")
    log.append(opened(count))
    return log


def sql(url: str, statement: str, **values: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a statement, which commits."""
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        found = connection.execute(sa.text(statement), values)
        return [tuple(row) for row in found] if found.returns_rows else []


def inspected(url: str, question: Callable[[sa.Inspector], Any]) -> Any:
    """Return the answer of SQLAlchemy's inspector to a question about a database."""
    with sa.create_engine(url, poolclass=sa.pool.NullPool).connect() as connection:
        return question(sa.inspect(connection))


def rows_of(url: str, table: str, like: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table, as Python values of a frame's dtypes; sorted as answers are."""
    name = table.replace('"', '""')
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        found = connection.exec_driver_sql(
            f'SELECT * FROM "{name}"'.replace("%", "%%" if "psycopg" in url else "%")
        )
        assert list(found.keys()) == like.columns
        rows = [
            {column: value(cell, like.schema[column]) for column, cell in zip(like.columns, row, strict=True)}
            for row in found
        ]
    return sorted(rows, key=lambda row: (row["entity"].encode(), row.get("valid_from")))


def value(cell: Any, dtype: pl.DataType) -> Any:  # noqa: PLR0911 - one line per dtype
    """Return a cell as the Python value that Polars has for it."""
    if cell is None:
        return None
    if isinstance(dtype, pl.Decimal) or dtype in (pl.UInt64, pl.Int128):
        return Decimal(cell) if isinstance(dtype, pl.Decimal) else int(cell)
    if isinstance(dtype, pl.List):
        items = json.loads(cell) if isinstance(cell, str) else cell
        return [value(item, dtype.inner) for item in items]  # type: ignore[arg-type]  # a dtype
    if dtype.is_float():
        return float(cell)
    if dtype == pl.Boolean:
        return bool(cell)
    if dtype == pl.Duration:
        return cell if isinstance(cell, timedelta) else timedelta(microseconds=cell)
    if isinstance(cell, str) and dtype.is_temporal():
        kinds: dict[Any, Any] = {pl.Date: date, pl.Time: time}
        kind = kinds.get(dtype.base_type(), datetime)
        return kind.fromisoformat(cell)
    return cell.astimezone(UTC) if isinstance(cell, datetime) and cell.tzinfo else cell


def plan(*rules: Rule, **more: Any) -> Plan:
    return Plan("Thing", rules, **more)


def latest(name: str, dtype: pl.DataType | None = None) -> Rule:
    return Rule(name=name, op="latest", events=("Set",), of="v", dtype=dtype)


def over(events: list[dict[str, Any]], of: Plan | type[es.Model]) -> es.Timeline:
    return es.Timeline(MemoryLog(events), of)


def run(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a Python program that can import this module."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def assert_equal(model: es.ReadModel, url: str) -> None:
    """Assert that tables equal the model (law 7), by `verify` and by SQL."""
    assert model.verify().is_empty()
    states = model.timeline.as_of()
    assert rows_of(url, model.table, states) == states.to_dicts()
    if model.history:
        history = model.timeline.history()
        assert rows_of(url, f"{model.table}_history", history) == history.to_dicts()
