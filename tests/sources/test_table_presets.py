"""Tables of known libraries, written by these libraries; Marten's and Commanded's follow their documentation."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

import eventsource as es
from eventsource.errors import SourceError, StoreError
from eventsource.sources._sql_database import reader_at
from tests.services.libraries import library
from tests.services.postgresql import Server
from tests.services.writers.eventsourcing_py import write as write_orders


def pulled(folder: Path, url: str, **options: Any) -> pl.DataFrame:
    """Return the events of a table; a second pull finds nothing, and nothing is rejected or held back."""
    log = es.Log(folder / "log")
    source = es.source(url, **options)
    done = log.pull(source)
    assert (done.rejected, done.duplicates) == (0, 0), log.rejected().to_dicts()
    assert log.pull(es.source(url, **options)).appended == 0
    lag = source.lag(log.checkpoint(source))  # type: ignore[attr-defined]  # every source of a URL has one
    assert (lag.events, lag.held) == (0, ())
    return log.scan().collect()


def execute(url: str, *statements: str) -> None:
    """Execute statements, each with the colons that it has."""
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement.replace(":", "\\:")))


def check_orders(events: pl.DataFrame, *, first_version: int, streams: list[str] | None = None) -> None:
    """Check three streams of four events, and that their times are about now."""
    expected = streams or ["order-0", "order-1", "order-2"]
    assert events["stream"].unique(maintain_order=True).to_list() == expected
    versions = list(range(first_version, first_version + 4))
    assert events["version"].to_list() == versions * 3
    assert events["type"].to_list() == ["OrderPlaced", "LineAdded", "LineAdded", "LineAdded"] * 3
    data = [json.loads(text) for text in events["data"]]
    assert [each["amount"] for each in data] == [12.5, 13.5, 14.5, 15.5] * 3
    check_now(events)


def check_now(events: pl.DataFrame) -> None:
    """Check that events occurred in the last hours, by their instants: no zone is wrong."""
    ages = [datetime.now(UTC) - at for at in events["occurred_at"]]
    assert all(timedelta(seconds=-5) < age < timedelta(minutes=10) for age in ages), ages


def test_emmett_on_postgresql(postgresql: Server, tmp_path: Path) -> None:
    """Events in the order of (transaction, position)."""
    url = postgresql.database()
    library("emmett-postgresql").write(url)
    events = pulled(tmp_path, url, preset="emmett")
    check_orders(events, first_version=1)
    assert json.loads(events["metadata"][0])["correlationId"] == "c0"


def test_emmett_on_sqlite(tmp_path: Path) -> None:
    """Times are texts of whole seconds, in UTC."""
    url = f"sqlite:///{tmp_path}/shop.db"
    library("emmett-sqlite").write(url)
    check_orders(pulled(tmp_path, url, preset="emmett"), first_version=1)


def test_message_db(postgresql: Server, tmp_path: Path) -> None:
    """Times have no zone and are UTC, also if the server is elsewhere; positions of a stream begin with 0."""
    url = postgresql.database()
    execute(url, "ALTER DATABASE " + str(sa.make_url(url).database) + " SET timezone TO 'Asia/Tokyo'")
    library("message-db").write(url)
    check_orders(pulled(tmp_path, url, preset="message-db"), first_version=0)


def test_axon(postgresql: Server, tmp_path: Path) -> None:
    """Payloads are bytes of JSON, times are texts, types are names of classes."""
    url = postgresql.database()
    library("axon").write(url)
    events = pulled(tmp_path, url, preset="axon")
    check_orders(events, first_version=0)
    metadata = json.loads(events["metadata"][0])
    assert (metadata["correlationId"], metadata["aggregate_type"]) == ("c0", "Order")


def test_eventsource_py(postgresql: Server, tmp_path: Path) -> None:
    """Streams are named by the type and the id of the aggregate."""
    url = postgresql.database()
    library("eventsource-py").write(url)
    events = pulled(tmp_path, url, preset="eventsource-py")
    assert events["version"].to_list() == [1, 2, 3, 4] * 3
    assert events["type"].to_list() == ["OrderPlaced", *["LineAdded"] * 3] * 3
    assert all(stream.startswith("Order-") for stream in events["stream"])
    check_now(events)


def check_eventsourcing(events: pl.DataFrame) -> None:
    """Check three orders, whose states have times, types and decimals in the library's own form."""
    assert events["version"].to_list() == [1, 2, 3, 4] * 3
    assert events["stream"].n_unique() == 3
    assert events["type"].to_list() == ["Order.OrderPlaced", *["Order.LineAdded"] * 3] * 3
    assert [json.loads(text)["amount"] for text in events["data"]] == ["12.50", "13.50", "14.50", "15.50"] * 3
    check_now(events)


@pytest.mark.parametrize("compressor", ["", "zlib"])
def test_eventsourcing_on_sqlite(tmp_path: Path, compressor: str) -> None:
    """The state is JSON in bytes, perhaps compressed; the time is inside."""
    settings = {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": f"{tmp_path}/orders.db"}
    write_orders({**settings, **({"COMPRESSOR_TOPIC": compressor} if compressor else {})})
    check_eventsourcing(pulled(tmp_path, f"sqlite:///{tmp_path}/orders.db", preset="eventsourcing"))


def test_eventsourcing_on_postgresql(postgresql: Server, tmp_path: Path) -> None:
    """The table has the name of the application."""
    url = postgresql.database()
    library("eventsourcing-postgres").write(url)
    check_eventsourcing(pulled(tmp_path, url, preset="eventsourcing", table="application_events"))


def test_an_encrypted_state_is_rejected(tmp_path: Path) -> None:
    """What cannot be read does not become an event, and says why."""
    url = f"sqlite:///{tmp_path}/orders.db"
    execute(
        url,
        "CREATE TABLE stored_events (originator_id TEXT, originator_version INTEGER, topic TEXT, state BLOB)",
        "INSERT INTO stored_events VALUES ('a', 1, 'm:Order.Placed', x'00ff10')",
    )
    log = es.Log(tmp_path / "log")
    assert log.pull(es.source(url, preset="eventsourcing")).rejected == 1
    assert "encrypted" in log.rejected()["reason"][0]
    assert b"m:Order.Placed" in log.rejected()["raw"][0]


MARTEN = """
CREATE TABLE mt_events (
    seq_id bigint PRIMARY KEY, id uuid NOT NULL, stream_id uuid, version bigint NOT NULL, data jsonb NOT NULL,
    type varchar(500) NOT NULL, timestamp timestamptz NOT NULL DEFAULT now(),
    tenant_id varchar DEFAULT '*DEFAULT*', mt_dotnet_type varchar,
    is_skipped boolean DEFAULT false, is_archived boolean DEFAULT false)
"""


def test_marten(postgresql: Server, tmp_path: Path) -> None:
    """Tombstones and skipped events are left out, archived ones are marked, wrong zones are corrected."""
    url = postgresql.database()
    stream = "'00000000-0000-4000-8000-000000000001'"

    def row(number: int, kind: str, *, skipped: bool = False, archived: bool = False) -> str:
        values = f"{number}, gen_random_uuid(), {stream}, {number}, '{{\"n\": {number}}}', '{kind}'"
        return (
            "INSERT INTO mt_events (seq_id, id, stream_id, version, data, type, timestamp, is_skipped, "
            f"is_archived) VALUES ({values}, timestamptz '2024-07-01 10:00:00+00', {skipped}, {archived})"
        )

    execute(
        url,
        MARTEN,
        row(1, "order_placed"),
        row(2, "tombstone"),
        row(3, "line_added", skipped=True),
        row(5, "line_added", archived=True),
    )
    events = pulled(tmp_path, url, preset="marten")
    assert events["version"].to_list() == [1, 5]
    assert [json.loads(text) for text in events["data"]] == [{"n": 1}, {"n": 5}]
    assert [json.loads(text).get("is_archived") for text in events["metadata"]] == [None, True]
    assert events["occurred_at"][0] == datetime(2024, 7, 1, 10, tzinfo=UTC)
    berlin = pulled(tmp_path / "berlin", url, preset="marten", written_in="Europe/Berlin")
    assert berlin["occurred_at"][0] == datetime(2024, 7, 1, 12, tzinfo=UTC)


COMMANDED = """
CREATE TABLE events (event_id uuid PRIMARY KEY, event_type text, causation_id uuid, correlation_id uuid,
    data {kind} NOT NULL, metadata {kind}, created_at timestamptz DEFAULT now());
CREATE TABLE streams (stream_id bigserial PRIMARY KEY, stream_uuid text, stream_version bigint,
    created_at timestamptz, deleted_at timestamptz);
CREATE TABLE stream_events (event_id uuid, stream_id bigint, stream_version bigint, original_stream_id bigint,
    original_stream_version bigint);
INSERT INTO streams VALUES (0, '$all', 2), (1, 'order-0', 2)
"""


@pytest.mark.parametrize("kind", ["jsonb", "bytea"])
def test_commanded(postgresql: Server, tmp_path: Path, kind: str) -> None:
    """The order is that of $all; payloads are JSON, or bytes of JSON, or of Erlang's own format."""
    url = postgresql.database()
    last = '{"amount": 2}' if kind == "jsonb" else "\\x836400"
    execute(url, *COMMANDED.format(kind=kind).split(";"))
    for number, data in ((1, '{"amount": 1.50}'), (2, last)):
        event = f"'00000000-0000-4000-8000-00000000000{number}'"
        execute(
            url,
            f"INSERT INTO events (event_id, event_type, data) VALUES ({event}, 'Elixir.Shop.Placed', '{data}')",
            f"INSERT INTO stream_events VALUES ({event}, 1, {number}, 1, {number})",
            f"INSERT INTO stream_events VALUES ({event}, 0, {number}, 1, {number})",
        )
    events = pulled(tmp_path, url, preset="commanded")
    assert events.select("stream", "version", "type").rows() == [
        ("order-0", 1, "Placed"),
        ("order-0", 2, "Placed"),
    ]
    assert events["data"].to_list() == ['{"amount": 1.50}', last if kind == "jsonb" else '{"base64":"g2QA"}']
    check_now(events)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"preset": "martin"}, "did you mean 'marten'"),
        ({"table": "t"}, "the column with the position"),
        ({"table": "t", "position": "sek"}, "did you mean 'seq'"),
        ({"table": "t", "position": "name"}, "a column of integers"),
        ({"table": "t", "query": "SELECT 1"}, "got both"),
        ({"table": "t", "preset": "marten"}, "a table of Marten"),
        ({"written_in": "UTC"}, "for Marten"),
        ({"table": "t", "position": "seq", "batch": 0}, "at least 1"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, options: dict[str, Any], expected: str) -> None:
    """Each with what helps."""
    url = f"sqlite:///{tmp_path}/x.db"
    execute(url, "CREATE TABLE t (seq INTEGER PRIMARY KEY, name TEXT)", "INSERT INTO t VALUES (1, 'a')")
    with pytest.raises(SourceError) as caught:
        es.Log(tmp_path / "log").pull(es.source(url, **options))
    assert expected in str(caught.value)


def test_a_server_that_goes_away_while_rows_stream() -> None:
    """Arrow reports it by errors of its own; it is an error of the store, which is tried again."""
    server = Server()
    try:
        rows = "SELECT n, repeat('x', 2000) AS text FROM generate_series(1, 100000) AS n"
        frames = reader_at(server.database()).frames(rows, 100)
        assert next(frames).height == 100
        server.stop()
        with pytest.raises(StoreError, match="connection"):
            list(frames)
    finally:
        server.remove()


def test_columns_of_a_preset_can_come_from_a_payload(tmp_path: Path) -> None:
    """A path into a payload or into metadata is followed; it is not taken for an absent column."""
    url = f"sqlite:///{tmp_path}/shop.db"
    with closing(es.EventStore(url)) as store:
        event = {"type": "Placed", "data": {"no": 7}, "metadata": {"noted": "2024-01-02T00:00:00Z"}}
        store.append("order-1", [event])
    source = es.source(url, recorded_at="metadata.noted", version="data.no", occurred_at="metadata.noted")
    log = es.Log(tmp_path / "log")
    log.pull(source)
    expected = datetime(2024, 1, 2, tzinfo=UTC)
    assert log.scan().select("version", "occurred_at", "recorded_at").collect().rows() == [(7, expected, expected)]


def test_a_table_that_was_emptied_is_refused(tmp_path: Path) -> None:
    """Its positions begin again, and mean other rows."""
    url = f"sqlite:///{tmp_path}/x.db"
    mapping: dict[str, Any] = {
        "stream": "name",
        "type": "name",
        "occurred_at": "at",
        "table": "t",
        "position": "seq",
    }
    execute(url, "CREATE TABLE t (seq INTEGER PRIMARY KEY, name TEXT, at TEXT)")
    log = es.Log(tmp_path / "log")
    assert log.pull(es.source(url, **mapping)).appended == 0
    execute(url, "INSERT INTO t VALUES (1, 'a', '2024-01-01'), (2, 'b', '2024-01-01')")
    assert log.pull(es.source(url, **mapping)).appended == 2
    execute(url, "DELETE FROM t WHERE seq = 2")
    with pytest.raises(SourceError, match="emptied, restored or replaced"):
        log.pull(es.source(url, **mapping))


def test_rows_are_decoded_one_by_one_where_a_value_needs_it(tmp_path: Path) -> None:
    """Of three rows one is rejected; payloads of all columns keep their values."""
    url = f"sqlite:///{tmp_path}/x.db"
    execute(
        url,
        "CREATE TABLE t (seq INTEGER PRIMARY KEY, name TEXT, at TEXT, amount NUMERIC, raw BLOB)",
        "INSERT INTO t VALUES (1, 'a', '2024-01-01', 2.5, x'ff'), (2, 'b', 'soon', 1, NULL), "
        "(3, 'c', '2024-01-01', 'many', NULL)",
    )
    log = es.Log(tmp_path / "log")
    mapping: dict[str, Any] = {
        "stream": "name",
        "constants": {"type": "T"},
        "occurred_at": "at",
        "table": "t",
        "position": "seq",
    }
    done = log.pull(es.source(url, **mapping))
    assert (done.appended, done.rejected) == (2, 1)
    assert log.rejected()["reason"].to_list() == ['occurred_at (at) is not a time: "soon"']
    assert [json.loads(text) for text in log.scan().collect()["data"]] == [
        {"seq": 1, "amount": 2.5, "raw": "/w=="},
        {"seq": 3, "amount": "many", "raw": None},
    ]
    again = log.retry(es.source(url, **{**mapping, "occurred_at": "missing"}))
    assert (again.rejected, log.rejected()["reason"].to_list()) == (1, ["occurred_at (missing) is missing"])


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
@pytest.mark.parametrize("position", ["NULL", "-5"])
def test_a_row_that_no_pull_would_reach_is_refused(
    request: pytest.FixtureRequest, tmp_path: Path, database: str, position: str
) -> None:
    """A row without a position, or before the first one, would never be read; also if it comes later."""
    is_sqlite = database == "sqlite"
    url = f"sqlite:///{tmp_path}/x.db" if is_sqlite else request.getfixturevalue("postgresql").database()
    mapping: dict[str, Any] = {"stream": "name", "type": "name", "occurred_at": "at", "table": "t"}
    mapping |= {"position": "seq", "event_id": "seq"}
    insert = "INSERT INTO t VALUES ({}, 'a', '2024-01-01')"
    execute(url, "CREATE TABLE t (seq INTEGER, name TEXT, at TEXT)", insert.format(0))
    log = es.Log(tmp_path / "log")
    assert log.pull(es.source(url, **mapping)).appended == 1
    execute(url, insert.format(1), insert.format(position))
    with pytest.raises(SourceError, match="got 1 row without one or below 0"):
        log.pull(es.source(url, **mapping))
    execute(url, f"DELETE FROM t WHERE seq IS NULL OR seq = {position}")
    assert log.pull(es.source(url, **mapping)).appended == 1


def test_a_pull_of_a_key_does_not_read_the_whole_table_first(tmp_path: Path) -> None:
    """A second pull, which finds nothing, takes a small part of the steps of one that reads all rows."""
    url = f"sqlite:///{tmp_path}/x.db"
    some = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 19999)"
    execute(
        url,
        "CREATE TABLE t (seq INTEGER PRIMARY KEY, name TEXT, at TEXT)",
        f"INSERT INTO t {some} SELECT i, 'a', '2024-01-01' FROM n",
    )
    steps = 0

    def count(*_: object) -> None:
        nonlocal steps
        steps += 1

    def watch(connection: Any, _: object) -> None:
        connection.set_progress_handler(count, 100)

    mapping: dict[str, Any] = {"stream": "name", "type": "name", "occurred_at": "at", "table": "t"}
    log = es.Log(tmp_path / "log")
    sa.event.listen(sa.pool.Pool, "connect", watch)
    try:
        assert log.pull(es.source(url, **mapping, position="seq", event_id="seq")).appended == 20_000
        whole, steps = steps, 0
        assert log.pull(es.source(url, **mapping, position="seq", event_id="seq")).appended == 0
    finally:
        sa.event.remove(sa.pool.Pool, "connect", watch)
    assert whole > 1000
    assert steps < whole / 20


@pytest.mark.hostile
@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "date"])
def test_times_that_no_calendar_has_reject_only_their_rows(postgresql: Server, tmp_path: Path, kind: str) -> None:
    """PostgreSQL has infinity and years before Christ; in a payload they are texts, and so is NaN."""
    url = postgresql.database()
    times = ("2024-01-01", "infinity", "-infinity", "20000-01-01", "0044-03-15 BC", "9999-12-31")
    rows = ", ".join(f"({number}, '{at}', '{at}', 'NaN')" for number, at in enumerate(times))
    execute(url, f"CREATE TABLE t (seq bigint, at {kind}, until {kind}, f float8)", f"INSERT INTO t VALUES {rows}")
    mapping: dict[str, Any] = {"table": "t", "position": "seq", "event_id": "seq", "occurred_at": "at"}
    log = es.Log(tmp_path / "log")
    done = log.pull(es.source(url, **mapping, constants={"stream": "s", "type": "T"}))
    assert (done.appended, done.rejected) == (2, 4)
    events = log.scan().collect()
    assert events["occurred_at"].dt.year().to_list() == [2024, 9999]
    assert [json.loads(text)["f"] for text in events["data"]] == ["NaN", "NaN"]
    assert log.rejected()["reason"].str.contains("occurred_at (at) is not a time", literal=True).all()
    open_end = es.Log(tmp_path / "open")
    execute(url, "UPDATE t SET at = '2024-01-01'")
    open_end.pull(es.source(url, **mapping, constants={"stream": "s", "type": "T"}))
    untils = [json.loads(text)["until"] for text in open_end.scan().collect()["data"]]
    assert len(untils) == 6
    assert ["since 1970" in text for text in untils] == [False, True, True, True, True, False]


def test_a_table_that_was_replaced_by_a_longer_one_is_refused(tmp_path: Path) -> None:
    """Its first rows would never be read. Rows that were changed or deleted later, as their owner may, are not."""
    url, log = f"sqlite:///{tmp_path / 'a.db'}", es.Log(tmp_path / "log")
    mapping: dict[str, Any] = {"table": "t", "position": "seq", "event_id": "id", "occurred_at": "at"}
    constants = {"stream": "s", "type": "T"}

    def fill(name: str, count: int) -> None:
        rows = ", ".join(
            f"({number}, '{name}-{number}', '2024-01-0{number}', 0)" for number in range(1, count + 1)
        )
        new = "CREATE TABLE t (seq integer, id text, at text, is_sent integer)"
        execute(url, "DROP TABLE IF EXISTS t", new, f"INSERT INTO t VALUES {rows}")

    def pull(**more: Any) -> int:
        return log.pull(es.source(url, **{**mapping, **more}, constants=constants)).appended

    fill("old", 3)
    assert pull() == 3
    execute(
        url,
        "UPDATE t SET is_sent = 1",
        "DELETE FROM t WHERE seq < 3",
        "INSERT INTO t SELECT 4, 'old-4', at, 0 FROM t",
    )
    assert pull() == 1
    assert pull(event_id="{id}!") == 0
    fill("new", 5)
    with pytest.raises(SourceError, match="another event at position 4 than the last pull read there"):
        pull()
    assert log.pull(es.source(url, **mapping, constants=constants), again=True).appended == 5


def test_a_query_may_end_as_a_statement_does(tmp_path: Path) -> None:
    """With a semicolon, or with a comment."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    execute(url, "CREATE TABLE t (seq integer, at text)", "INSERT INTO t VALUES (1, '2024-01-01')")
    constants = {"stream": "s", "type": "T"}
    for number, end in enumerate((";", " -- all")):
        source = es.source(
            url, query=f"SELECT * FROM t{end}", position="seq", occurred_at="at", constants=constants
        )
        assert es.Log(tmp_path / f"log{number}").pull(source).appended == 1
        assert repr(source).startswith("<source 'sqlite:///")
