"""A small log of a shop, with names that a terminal, a spreadsheet or a page might obey."""

import json
from typing import Any

HOSTILE = [
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=tab",
    "\r=return",
    "\x1b[31mred\x1b[0m",
    "\x9b31mred",
    "[red]markup[/red]",
    "<script>alert(1)</script>",
    "a|b\nc `code` [x](javascript:alert(1))",
    "\u202egnp.exe",
    '","",x',
]
"""Names that a terminal, a spreadsheet or a page might obey."""

MODELS = """
import polars as pl

import eventsource as es


class Customer(es.Model, created="Created", deleted="Deleted", ignored=("Opened", "Closed")):
    name = es.latest("Created", of="name")
    premium = es.flag(on="Bought", off="Cancelled")
    orders = es.count("Ordered")
    spent = es.total("Ordered", of="amount", dtype=pl.Decimal(18, 2))
    tags = es.distinct("Ordered", of="tag")
    last = es.latest("Ordered")


class Ticket(es.Model, created="Opened", key={"Opened": "ticket", "Closed": "ticket"}):
    opened = es.first("Opened")
    closed = es.latest("Closed")
    took = es.derive(pl.col("closed") - pl.col("opened"))
"""

CONFIG = """
[tool.eventsource]
source = "raw/*.jsonl"
model = "models:Customer"
"""


def event(number: int, stream: str, kind: str, at: str, **data: Any) -> dict[str, Any]:
    return {"event_id": f"e-{number}", "stream": stream, "type": kind, "occurred_at": at, "data": data}


def events() -> list[dict[str, Any]]:
    found = [
        event(1, "ada", "Created", "2024-01-05T10:00:00.123456Z", name="Ada"),
        event(2, "ada", "Bought", "2024-02-01T00:00:00Z"),
        event(3, "ada", "Ordered", "2024-02-10T12:00:00Z", amount=10.1, tag="b"),
        event(4, "ada", "Ordered", "2024-03-10T12:00:00Z", amount=0.2, tag="a"),
        event(5, "ada", "Cancelled", "2024-03-15T09:00:00Z", why={"text": "slow", "stars": 1}),
        event(6, "bob", "Created", "2024-01-20T00:00:00Z", name=None),
        event(7, "bob", "Opened", "2024-01-21T00:00:00Z", ticket=71),
        event(8, "bob", "Closed", "2024-01-23T01:02:03Z", ticket=71),
        event(9, "bob", "Deleted", "2024-04-01T00:00:00Z"),
    ]
    return found + [
        event(100 + n, f"evil-{n:02}", "Created", "2024-01-02T00:00:00Z", name=name)
        for n, name in enumerate(HOSTILE)
    ]


def lines() -> str:
    return "".join(json.dumps(each) + "\n" for each in events())
