"""The three questions have the same answers, whichever library wrote the same orders into its own tables.

Marten's and Commanded's tables are written by their documented columns, all others by the libraries.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import polars as pl
import pytest

import eventsource as es
from eventsource.sources._table_presets import TABLE_PRESETS
from eventsource.testing import MemoryLog
from tests.services.libraries import library
from tests.services.postgresql import Server
from tests.services.writers.eventsourcing_py import write as write_by_eventsourcing
from tests.sources.test_table_presets import COMMANDED, MARTEN, execute

_PLACED: Final = ("OrderPlaced", "Order.OrderPlaced", "order_placed")
_ADDED: Final = ("LineAdded", "Order.LineAdded", "line_added")
"""An event as each library names it: by its class, by its class with the one around it, in Marten's way."""


class Order(es.Model, created=_PLACED):
    """An order and its lines."""

    lines = es.count(*_ADDED)
    amount = es.total(*_PLACED, *_ADDED, of="amount", dtype=pl.Decimal(18, 2))
    largest = es.latest(*_PLACED, *_ADDED, of="amount", dtype=pl.Decimal(18, 2))


Where = tuple[str, Mapping[str, Any]]
"""A URL, and the other arguments of `eventsource.source`."""


def _by_library(name: str, **options: Any) -> Callable[[Server, Path], Where]:
    def write(server: Server, folder: Path) -> Where:
        url = f"sqlite:///{folder}/orders.db" if name == "emmett-sqlite" else server.database()
        library(name).write(url)
        return url, options

    return write


def _eventsourcing_on_sqlite(_: Server, folder: Path) -> Where:
    write_by_eventsourcing({"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": f"{folder}/orders.db"})
    return f"sqlite:///{folder}/orders.db", {"preset": "eventsourcing"}


def _own_store(server: Server, _: Path) -> Where:
    url = server.database()
    with closing(es.EventStore(url)) as store:
        for fact in _facts():
            store.append(fact["stream"], [{"type": fact["type"], "data": fact["data"]}])
    return url, {"preset": "eventsource"}


def _marten(server: Server, _: Path) -> Where:
    url = server.database()
    execute(
        url,
        MARTEN,
        *(
            "INSERT INTO mt_events (seq_id, id, stream_id, version, data, type) VALUES "
            f"({place + 1}, gen_random_uuid(), '{UUID(int=order + 1)}', {number + 1}, '{_data(number)}', "
            f"'{(_ADDED if number else _PLACED)[-1]}')"
            for place, (order, number) in enumerate(_NUMBERS)
        ),
    )
    return url, {"preset": "marten"}


def _commanded(server: Server, _: Path) -> Where:
    url = server.database()
    execute(url, *COMMANDED.format(kind="jsonb").split(";"))
    for place, (order, number) in enumerate(_NUMBERS):
        event = f"'{UUID(int=place + 1)}'"
        kind = (_ADDED if number else _PLACED)[0]
        execute(
            url,
            *([] if number or not order else [f"INSERT INTO streams VALUES ({order + 1}, 'order-{order}', 4)"]),
            f"INSERT INTO events (event_id, event_type, data) VALUES ({event}, 'Elixir.Shop.{kind}', "
            f"'{_data(number)}')",
            f"INSERT INTO stream_events VALUES ({event}, {order + 1}, {number + 1}, {order + 1}, {number + 1})",
            f"INSERT INTO stream_events VALUES ({event}, 0, {place + 1}, {order + 1}, {number + 1})",
        )
    return url, {"preset": "commanded"}


_NUMBERS: Final = [(order, number) for order in range(3) for number in range(4)]


def _data(number: int) -> str:
    return json.dumps({"amount": 12.5 + number})


WRITERS: Final[Mapping[str, Callable[[Server, Path], Where]]] = {
    "eventsource": _own_store,
    "axon": _by_library("axon", preset="axon"),
    "emmett-postgresql": _by_library("emmett-postgresql", preset="emmett"),
    "emmett-sqlite": _by_library("emmett-sqlite", preset="emmett"),
    "message-db": _by_library("message-db", preset="message-db"),
    "eventsource-py": _by_library("eventsource-py", preset="eventsource-py"),
    "eventsourcing-postgresql": _by_library(
        "eventsourcing-postgres", preset="eventsourcing", table="application_events"
    ),
    "eventsourcing-sqlite": _eventsourcing_on_sqlite,
    "marten": _marten,
    "commanded": _commanded,
}


def test_every_preset_has_a_writer() -> None:
    """A new preset for tables is asked, too."""
    assert {name.removesuffix("-sqlite").removesuffix("-postgresql") for name in WRITERS} == set(TABLE_PRESETS)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Order. . names of the model")  # those of the other libraries
@pytest.mark.parametrize("name", list(WRITERS))
def test_the_three_questions_have_the_same_answers(name: str, postgresql: Server, tmp_path: Path) -> None:
    """What was it on that date, which event made it so, and what changed in a period."""
    url, options = WRITERS[name](postgresql, tmp_path)
    log = es.Log(tmp_path / "log")
    log.pull(es.source(url, **options))
    assert _answers(log) == _answers(MemoryLog(_facts()))


def _answers(log: es.Log | MemoryLog) -> list[list[dict[str, Any]]]:
    """Return the answers; the libraries choose ids and times, so orders are numbered as they come."""
    orders = es.Timeline(log, Order)
    streams = log.scan().collect()["stream"].unique(maintain_order=True).to_list()
    number = pl.col("entity").replace_strict(streams, range(len(streams)))
    found = [
        orders.as_of("9999-12-31").with_columns(entity=number).sort("entity"),
        orders.as_of("9999-12-31", upto=6).with_columns(entity=number).sort("entity"),
        orders.explain(streams[1], "9999-12-31").select("field", "value", _kind()),
        orders.changes("lines", since="2000-01-01")
        .select(number, "before", "after", _kind())
        .sort("entity", "after"),
    ]
    assert [frame.height for frame in found] == [3, 2, 3, 9]
    return [frame.to_dicts() for frame in found]


def _kind() -> pl.Expr:
    """Return the type of an event as the first library names it."""
    return pl.col("type").replace(dict.fromkeys(_PLACED, _PLACED[0]) | dict.fromkeys(_ADDED, _ADDED[0]))


def _facts() -> list[dict[str, Any]]:
    return [
        {
            "event_id": f"{order}:{number}",
            "stream": f"order-{order}",
            "type": (_ADDED if number else _PLACED)[0],
            "occurred_at": f"2024-07-01T{order:02}:{number:02}:00Z",
            "data": {"amount": 12.5 + number},
        }
        for order, number in _NUMBERS
    ]
