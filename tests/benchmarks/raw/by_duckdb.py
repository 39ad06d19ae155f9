"""DuckDB: straight from the raw file to the answer, or by way of Parquet. Its answers need not be sorted.

Duplicates arrive under an ``event_id`` that is there already. They matter to counts and sums only, so that the
cheapest right answer drops them there: purchases and refunds are grouped by id first.
"""

from functools import partial
from pathlib import Path
from typing import Any, Final

import duckdb

from tests.benchmarks.raw.inputs import COLUMNS, WIDE
from tests.benchmarks.raw.models import RELEVANT
from tests.benchmarks.raw.stopwatch import stopwatch
from tests.benchmarks.workload import Input

__all__ = ["first", "first_exact", "load", "once", "straight"]

_ENVELOPE: Final = {"event_id": "VARCHAR", "stream": "VARCHAR", "version": "BIGINT", "type": "VARCHAR"}
_TIMES: Final = {"occurred_at": "VARCHAR", "recorded_at": "VARCHAR"}
_FLOAT: Final = "DOUBLE"
_EXACT: Final = "DECIMAL(18, 2)"
_AFTER: Final = "'2024-07-01'"
_PURCHASES: Final = "type IN ('PurchaseMade', 'PurchaseRefunded')"


def load(found: Input) -> Any:
    """Write the raw file as Parquet: times typed, payloads verbatim as in a log; flat members as columns."""
    with stopwatch() as watch:
        _connection().execute(f"COPY ({_everything(found)}) TO '{_parquet(found)}' (COMPRESSION zstd)")
    counted = f"SELECT count(DISTINCT event_id) AS events, max(occurred_at) AS latest FROM '{_parquet(found)}'"
    return watch.measured(_ask(counted))


def first(found: Input) -> Any:
    """Decode the payloads of that Parquet into typed Parquet, then compute the states from it."""
    return _first(found, _FLOAT)


def first_exact(found: Input) -> Any:
    """The same with money as decimals."""
    return _first(found, _EXACT)


def once(found: Input) -> Any:
    """Compute the states from that Parquet, and keep nothing for the next question."""
    return _answer(_from_parquet(found, _FLOAT))


def straight(found: Input) -> Any:
    """Compute the states straight from the raw file."""
    return _answer(_from_file(found, _EXACT if _is_csv(found) else _FLOAT), has_nulls=not _is_csv(found))


def _first(found: Input, money: str) -> Any:
    decoded = found.folder / "decoded.parquet"
    types = ", ".join(f"'{name}'" for name in RELEVANT)
    rows = f"SELECT * FROM ({_from_parquet(found, money)}) WHERE type IN ({types})"
    with stopwatch() as watch:
        _connection().execute(f"COPY ({rows}) TO '{decoded}'")
        answer = _ask(_states(f"SELECT * FROM '{decoded}'", has_nulls=True))
    return watch.measured(answer)


def _from_parquet(found: Input, money: str) -> str:
    members = ", ".join(f'"{name}": {kind}' for name, kind in _members(money, quote='"').items())
    return (
        "SELECT event_id, stream, version, type, occurred_at, file_row_number AS position, "
        f"from_json(data, '{{{members}}}') AS data "
        f"FROM read_parquet('{_parquet(found)}', file_row_number = true)"
    )


def _from_file(found: Input, money: str) -> str:
    envelope = "event_id, stream, version, type, try_cast(occurred_at AS TIMESTAMPTZ) AS occurred_at"
    position = "row_number() OVER () AS position"
    if _is_csv(found):
        names = ("name", "channel", "plan", "reason")
        casts = [f"{name} := try_cast({name} AS {money})" for name in ("price", "amount")]
        address = 'address := struct_pack(city := "address.city", country := "address.country")'
        data = f"struct_pack({', '.join([*(f'{name} := {name}' for name in names), address, *casts])})"
        return f"SELECT {envelope}, {position}, {data} AS data FROM {_rows_of_csv(found)}"
    members = _members(money)
    if _is_wide(found):
        data = f"struct_pack({', '.join(f'{name} := {name}' for name in members)})"
        return f"SELECT {envelope}, {position}, {data} AS data FROM {_lines(found, members)}"
    struct = f"STRUCT({', '.join(f'{name} {kind}' for name, kind in members.items())})"
    return f"SELECT {envelope}, {position}, data FROM {_lines(found, {'data': struct})}"


def _everything(found: Input) -> str:
    """Return SQL for all good lines, with all that a pull keeps of them."""
    times = ", ".join(f"try_cast({name} AS TIMESTAMPTZ) AS {name}" for name in _TIMES)
    if _is_csv(found):
        rows = _rows_of_csv(found)
    elif _is_wide(found):
        kinds = ("BIGINT", "DOUBLE", "VARCHAR", "BOOLEAN", "VARCHAR", "JSON")
        more = {name: kinds[number % len(kinds)] for number, name in enumerate(WIDE)}
        others = dict.fromkeys(
            ("email", "order_id", "item", "quantity", "currency", "campaign", "cause"), "VARCHAR"
        )
        tickets = dict.fromkeys(
            ("ticket_id", "topic", "priority", "rating", "brand", "last4", "expires"), "VARCHAR"
        )
        rows = _lines(
            found, _members(_FLOAT) | others | tickets | {"method": "VARCHAR", "metadata": "JSON"} | more
        )
    else:
        rows = _lines(found, {"data": "JSON", "metadata": "JSON"})
    good = "event_id IS NOT NULL AND type IS NOT NULL AND occurred_at IS NOT NULL"
    return f"SELECT * FROM (SELECT * REPLACE ({times}) FROM {rows}) WHERE {good}"


def _lines(found: Input, members: dict[str, str]) -> str:
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in (_ENVELOPE | _TIMES | members).items())
    path = found.about["path"]
    return f"read_json('{path}', format='newline_delimited', columns={{{columns}}}, ignore_errors=true)"


def _rows_of_csv(found: Input) -> str:
    types = dict.fromkeys(COLUMNS, "VARCHAR") | {"version": "BIGINT"}
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
    # The dialect that DuckDB guesses loses rows with quotes.
    dialect = "header=true, auto_detect=false, delim=',', quote='\"', escape='\"', ignore_errors=true"
    return f"read_csv('{found.about['path']}', {dialect}, columns={{{columns}}})"


def _members(money: str, *, quote: str = "") -> dict[str, str]:
    text = f"{quote}VARCHAR{quote}"
    nested = {"city": text, "country": text}
    address = ", ".join(f"{quote}{name}{quote}{':' if quote else ''} {kind}" for name, kind in nested.items())
    texts = dict.fromkeys(("name", "channel", "plan", "reason"), text)
    numbers = dict.fromkeys(("price", "amount"), f"{quote}{money}{quote}")
    return texts | {"address": f"{{{address}}}" if quote else f"STRUCT({address})"} | numbers


def _answer(events: str, *, has_nulls: bool = True) -> Any:
    with stopwatch() as watch:
        answer = _ask(_states(events, has_nulls=has_nulls))
    return watch.measured(answer)


def _states(events: str, *, has_nulls: bool) -> str:
    """Return SQL for the states; materialised, the file is read once."""
    latest = partial(_latest, has_nulls=has_nulls)
    types = ", ".join(f"'{name}'" for name in RELEVANT)
    here = "arg_max(type = 'CustomerCreated', o) FILTER (type IN ('CustomerCreated', 'CustomerDeleted'))"
    off = "('PremiumPlanBought', 'PremiumPlanCancelled', 'PremiumPlanExpired')"
    fields = [
        latest("name", "data.name", "CustomerCreated", "CustomerRenamed"),
        latest("city", "data.address.city", "CustomerCreated", "BillingAddressChanged"),
        latest("country", "data.address.country", "CustomerCreated", "BillingAddressChanged"),
        "arg_min(data.channel, o) FILTER (type = 'CustomerCreated' AND data.channel IS NOT NULL) AS channel",
        f"coalesce(arg_max(type = 'PremiumPlanBought', o) FILTER (type IN {off}), false) AS premium",
        latest("term", "data.plan", "PremiumPlanBought"),
        latest("price", "data.price", "PremiumPlanBought", "PremiumPlanRenewed"),
        latest("reason", "data.reason", "PremiumPlanCancelled"),
    ]
    sums = [
        "count(*) FILTER (type = 'PurchaseMade') AS orders",
        "sum(amount) FILTER (type = 'PurchaseMade') AS spent",
        "sum(amount) FILTER (type = 'PurchaseRefunded') AS refunded",
    ]
    return f"""
        WITH e AS MATERIALIZED (
          SELECT event_id, stream, type, (occurred_at, version, position) AS o, position, data FROM ({events})
          WHERE occurred_at < {_AFTER} AND type IN ({types}) AND event_id IS NOT NULL
        ), once AS (
          SELECT stream, any_value(type) AS type, arg_min(struct_pack(v := data.amount), position).v AS amount
          FROM e WHERE {_PURCHASES} GROUP BY stream, event_id
        ), sums AS (SELECT stream, {", ".join(sums)} FROM once GROUP BY stream
        ), states AS (SELECT stream, {", ".join(fields)} FROM e GROUP BY stream HAVING {here})
        SELECT states.stream AS entity, states.* EXCLUDE (stream), coalesce(orders, 0) AS orders,
          coalesce(spent, 0) AS spent, coalesce(refunded, 0) AS refunded
        FROM states LEFT JOIN sums USING (stream)"""


def _latest(name: str, value: str, *types: str, has_nulls: bool) -> str:
    """Return SQL for the last value, null or not: `arg_max` alone passes over nulls.

    CSV has no nulls, only empty cells, which are absent members: they leave the value as it was.
    """
    listed = ", ".join(f"'{each}'" for each in types)
    if not has_nulls:
        return f"arg_max({value}, o) FILTER (type IN ({listed})) AS {name}"
    return f"(arg_max(struct_pack(v := {value}), o) FILTER (type IN ({listed}))).v AS {name}"


def _parquet(found: Input) -> Path:
    return found.folder / "duckdb.parquet"


def _is_csv(found: Input) -> bool:
    return bool(found.about["kind"] == "csv")


def _is_wide(found: Input) -> bool:
    return bool(found.about["kind"] == "wide")


def _ask(query: str) -> Any:
    return _connection().sql(query).to_arrow_table()


def _connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return connection
