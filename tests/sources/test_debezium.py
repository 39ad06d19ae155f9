"""Changes of real tables, as Debezium's embedded engine reads them from PostgreSQL's logical decoding."""

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import eventsource as es
from tests.services.libraries import JavaLibrary, library
from tests.services.postgresql import Server

pytestmark = pytest.mark.slow


class Customer(
    es.Model,
    created=("public.customers.read", "public.customers.created"),
    deleted="public.customers.deleted",
):
    """A row of the table, as its changes say."""

    city = es.latest("public.customers.read", "public.customers.created", "public.customers.updated", of="city")
    changes = es.count("public.customers.updated")


def test_changes_of_a_table_become_events(postgresql: Server, tmp_path: Path) -> None:
    """A snapshot of the rows that are there, then inserts, updates and deletes, as they are committed."""
    debezium = library("debezium")
    assert isinstance(debezium, JavaLibrary)
    database = postgresql.database()
    _execute(
        database,
        "CREATE TABLE customers (id bigint PRIMARY KEY, city text, paid numeric(12, 2))",
        "ALTER TABLE customers REPLICA IDENTITY FULL",
        "INSERT INTO customers VALUES (1, 'Ghent', 12.50), (2, 'Århus', 0)",
    )
    lines = tmp_path / "changes.jsonl"
    log, source = es.Log(tmp_path / "log"), es.source(lines, preset="debezium")
    with debezium.changes(database, "public", 6) as changes:
        lines.write_text(next(changes) + next(changes), encoding="utf-8")
        assert log.pull(source).appended == 2
        _execute(database, "UPDATE customers SET city = 'Bern' WHERE id = 1")
        _execute(
            database,
            "INSERT INTO customers VALUES (3, E'quo\"te\\n', 99999999.99)",
            "UPDATE customers SET city = 'Ærø', paid = 0.1 WHERE id = 3",
        )
        _execute(database, "DELETE FROM customers WHERE id = 2")
        with lines.open("a", encoding="utf-8") as file:
            file.writelines(changes)
    done = log.pull(source)
    assert (done.appended, done.rejected, done.duplicates) == (4, 0, 0)
    assert log.pull(source).appended == 0
    events = log.scan().collect()
    assert events.select("stream", "type").rows() == [
        ("public.customers/1", "public.customers.read"),
        ("public.customers/2", "public.customers.read"),
        ("public.customers/1", "public.customers.updated"),
        ("public.customers/3", "public.customers.created"),
        ("public.customers/3", "public.customers.updated"),
        ("public.customers/2", "public.customers.deleted"),
    ]
    assert [json.loads(data) for data in events["data"]][2:] == [
        _row(1, "Bern", "12.50"),
        _row(3, 'quo"te\n', "99999999.99"),
        _row(3, "Ærø", "0.10"),
        _row(2, "Århus", "0.00"),
    ]
    states = es.Timeline(log, Customer).as_of("9999-12-31").sort("entity")
    assert states.select("city", "changes").rows() == [("Bern", 1), ("Ærø", 1)]
    assert events["occurred_at"].is_sorted()
    assert events["event_id"].is_unique().all()


def _row(number: int, city: str, paid: str) -> dict[str, Any]:
    return {"id": number, "city": city, "paid": paid}


def _execute(url: str, *statements: str) -> None:
    """Run statements in one transaction."""
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.replace("%", "%%"))
