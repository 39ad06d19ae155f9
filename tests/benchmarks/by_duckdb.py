"""DuckDB: handwritten SQL over typed Parquet in order of arrival. Its answers need not be sorted."""

from functools import cache
from typing import Any

import duckdb

from tests.benchmarks import sql
from tests.benchmarks.questions import DAYS, MOMENT, MONTHS, TWO, after
from tests.benchmarks.workload import Input

__all__ = [
    "as_of",
    "diff",
    "explain",
    "first",
    "histories",
    "history",
    "join",
    "join_known",
    "load",
    "tail",
    "trend",
    "trend_days",
]


def load(found: Input) -> Any:
    """Write the raw log as Parquet, as a pull does: the envelope typed, payloads verbatim."""
    names = ("event_id", "stream", "type", "occurred_at", "recorded_at")
    columns = "{" + ", ".join(f"{name}: 'VARCHAR'" for name in names) + ", data: 'JSON'}"
    lines = f"read_json('{found.lines}', format='newline_delimited', columns={columns})"
    times = "occurred_at::TIMESTAMPTZ AS occurred_at, recorded_at::TIMESTAMPTZ AS recorded_at"
    rows = f"SELECT event_id, stream, type, {times}, data FROM {lines}"
    written = found.folder / "duckdb.parquet"
    _connection().execute(f"COPY ({rows}) TO '{written}' (COMPRESSION zstd)")
    return _ask(f"SELECT count(*) AS events, max(occurred_at) AS latest FROM '{written}'")


def first(found: Input) -> Any:
    """Decode the payloads of that Parquet into typed Parquet, then compute the states."""
    decoded = found.folder / "decoded.parquet"
    members = {"amount": "$.amount", "city": "$.address.city", "name": "$.name"}
    members |= {name: f"$.{name}" for name in found.shape.member_names}
    numbers = {"amount": "DOUBLE"} | dict.fromkeys(found.shape.member_names, "BIGINT")
    columns = [f"(data->>'{path}')::{numbers.get(name, 'VARCHAR')} AS {name}" for name, path in members.items()]
    rows = (
        "SELECT file_row_number AS position, stream, type, occurred_at AT TIME ZONE 'UTC' AS occurred_at, "
        f"{', '.join(columns)} FROM read_parquet('{found.folder}/duckdb.parquet', file_row_number=true)"
    )
    _connection().execute(f"COPY ({rows}) TO '{decoded}'")
    return _states(found, f"'{decoded}'", f"occurred_at < '{after(MOMENT)}'")


def as_of(found: Input) -> Any:
    """Take the latest values by `arg_max`."""
    return _states(found, f"'{found.typed}'", f"occurred_at < '{after(MOMENT)}'")


def tail(found: Input) -> Any:
    """Compute the states after all events, with the tail in a second file."""
    return _states(found, f"['{found.typed}', '{found.typed_tail}']", "true")


def history(found: Input) -> Any:
    """Fill values forward in windows, and drop rows equal to the one before."""
    return _ask(_intervals(found, "true"))


def histories(found: Input) -> Any:
    """Return the histories of some entities, one after the other."""
    return [_ask(_intervals(found, "stream = $stream"), stream=entity) for entity in found.asked]


def explain(found: Input) -> Any:
    """Return the event that last changed each field of some entities, one after the other."""
    fields = sql.columns(found.shape)
    event = 'event_id: event_id, type: type, "at": occurred_at, position: position'
    changed = ", ".join(
        f"arg_max({{value: {column.name}, {event}}}, {sql.ORDER}) "
        f"FILTER ({column.sign} IS DISTINCT FROM before_{column.sign}) AS {column.name}"
        for column in fields
    )
    before = ", ".join(
        f"lag({column.name}, 1, {column.default}) OVER v AS before_{column.name}" for column in fields
    )
    question = (
        f"WITH steps AS ({sql.steps(_events(found, 'stream = $stream'), found.shape, whole=True)}), "
        f"neighbours AS (SELECT *, {before} FROM steps WINDOW v AS (ORDER BY occurred_at, position)) "
        f"SELECT {changed} FROM neighbours"
    )
    return [_ask(question, stream=entity) for entity in found.asked]


def trend(found: Input) -> Any:
    """Count premium customers and all customers at 36 month-ends, from the changes in each month."""
    return _ask(_trend(found, "month", MONTHS))


def trend_days(found: Input) -> Any:
    """Count them at the ends of 1,000 days."""
    return _ask(_trend(found, "day", DAYS))


def join(found: Input) -> Any:
    """Join rows with `ASOF JOIN` to the states after each event of their entities."""
    events = _events(found, f"stream IN (SELECT entity FROM '{found.rows}')")
    names = ", ".join(column.name for column in sql.columns(found.shape))
    return _ask(
        f"WITH steps AS ({sql.steps(events, found.shape)}) SELECT row, {names} "
        f"FROM '{found.rows}' AS rows ASOF LEFT JOIN (SELECT * FROM steps WHERE here) AS steps "
        "ON rows.entity = steps.stream AND rows.at >= steps.occurred_at"
    )


def join_known(found: Input) -> Any:
    """Join rows to all events up to their moments that were recorded by then, and aggregate each row's events."""
    names = ", ".join(column.name for column in sql.columns(found.shape))
    known = "events.occurred_at <= rows.at AND events.recorded_at <= rows.at"
    return _ask(
        f"WITH states AS (SELECT row, {sql.aggregates(found.shape)}, bool_or(type = 'CustomerCreated') AS here "
        f"FROM '{found.rows}' AS rows JOIN '{found.typed}' AS events ON events.stream = rows.entity AND {known} "
        f"GROUP BY row) SELECT row, {names} FROM '{found.rows}' LEFT JOIN (SELECT * FROM states WHERE here) "
        "USING (row)"
    )


def diff(found: Input) -> Any:
    """Compute both states in one pass, then keep those that differ: one wide row per entity."""
    ends = {letter: f"occurred_at < '{after(day)}'" for letter, day in zip("ab", TWO, strict=True)}
    sides = [sql.aggregates(found.shape, when=when, suffix=f"_{letter}") for letter, when in ends.items()]
    here = [
        f"coalesce(bool_or(type = 'CustomerCreated') FILTER ({when}), false) AS here_{letter}"
        for letter, when in ends.items()
    ]
    pairs = [
        f"{name}_a IS DISTINCT FROM {name}_b" for name in ("here", *(c.sign for c in sql.columns(found.shape)))
    ]
    return _ask(
        f"SELECT * FROM (SELECT stream AS entity, {', '.join(sides + here)} FROM '{found.typed}' "
        f"WHERE {ends['b']} GROUP BY stream) WHERE (here_a OR here_b) AND ({' OR '.join(pairs)})"
    )


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _ask(question: str, **values: Any) -> Any:
    """Return the answer as an Arrow table, the cheapest frame that DuckDB gives."""
    return _connection().sql(question, params=values or None).to_arrow_table()


def _events(found: Input, when: str) -> str:
    return f"SELECT * FROM '{found.typed}' WHERE {sql.relevant(found.shape)} AND {when}"


def _states(found: Input, files: str, when: str) -> Any:
    return _ask(
        f"SELECT stream AS entity, {sql.aggregates(found.shape)} FROM read_parquet({files}) WHERE {when} "
        "GROUP BY stream HAVING bool_or(type = 'CustomerCreated')"
    )


def _intervals(found: Input, when: str) -> str:
    fields = sql.columns(found.shape)
    sign = "(" + ", ".join(column.name for column in fields if column.sign == column.name) + ")"
    window = "WINDOW v AS (PARTITION BY stream ORDER BY occurred_at)"
    return (
        f"WITH steps AS ({sql.steps(_events(found, when), found.shape)}), "
        f"changed AS (SELECT * FROM steps WHERE here {window} "
        f"QUALIFY row_number() OVER v = 1 OR lag({sign}) OVER v IS DISTINCT FROM {sign}) "
        "SELECT stream AS entity, occurred_at AS valid_from, lead(occurred_at) OVER v AS valid_to, "
        f"{', '.join(column.name for column in fields)} FROM changed {window}"
    )


def _trend(found: Input, step: str, ends: tuple[str, str]) -> str:
    begin, end = (f"date_trunc('{step}', TIMESTAMP '{day}')" for day in ends)
    order = "(PARTITION BY stream ORDER BY occurred_at, position"
    return (
        "WITH steps AS (SELECT stream, occurred_at, position, bool_or(type = 'CustomerCreated') OVER w AS here, "
        f"coalesce(last_value({sql.PLAN} IGNORE NULLS) OVER w, false) AS premium FROM '{found.typed}' "
        "WHERE type IN ('CustomerCreated', 'PremiumPlanBought', 'PremiumPlanCancelled') "
        f"WINDOW w AS {order} ROWS UNBOUNDED PRECEDING)), "
        "deltas AS (SELECT occurred_at, here::INT - lag(here::INT, 1, 0) OVER v AS customers, "
        "(here AND premium)::INT - lag((here AND premium)::INT, 1, 0) OVER v AS premium "
        f"FROM steps WINDOW v AS {order})), "
        f"buckets AS (SELECT greatest(date_trunc('{step}', occurred_at), {begin}) AS bucket, "
        "sum(customers) AS customers, sum(premium) AS premium FROM deltas GROUP BY ALL), "
        f"grid AS (SELECT unnest(generate_series({begin}, {end}, INTERVAL 1 {step})) AS bucket) "
        f"SELECT (bucket + INTERVAL 1 {step} - INTERVAL 1 DAY)::DATE AS as_of, "
        "coalesce(sum(buckets.premium) OVER (ORDER BY bucket), 0)::BIGINT AS premium, "
        "coalesce(sum(buckets.customers) OVER (ORDER BY bucket), 0)::BIGINT AS customers "
        "FROM grid LEFT JOIN buckets USING (bucket)"
    )
