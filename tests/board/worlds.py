"""A small business for boards: late events, a correction, a deleted customer, and texts that are markup."""

from datetime import date
from functools import cache
from typing import Any

import polars as pl

import eventsource as es
from eventsource import charts, demo
from eventsource.board import Board, Changed, Field, Figure
from eventsource.demo.models import Customer
from eventsource.event import events_from_dicts
from eventsource.testing import MemoryLog, event

HOSTILE = [
    "</script><script>window.pwned=1</script>",
    "</ScRiPt ><sCript>window.pwned=1</sCript>",
    "<img src=x onerror='window.pwned=1'>",
    "<!--<script>",
    "{{ 7*7 }}",
    "${7*7}",
    '"><svg onload=window.pwned=1>',
    "javascript:window.pwned=1",
    "=cmd|' /C calc'!A0",
    "\u202egnp.exe",
    "nul\u0000l",
    "\u2028line\u2029",
]
MONTHS = pl.date_range(date(2023, 1, 1), date(2024, 12, 31), "1mo", eager=True).dt.month_end().to_list()


@cache
def business() -> es.Timeline:
    """Return the customers of a made-up business; one plan was retracted later, and one address corrected."""
    events = demo.events(customers=60, seed=3)
    in_may = pl.col("occurred_at").dt.date().is_between(date(2024, 5, 1), date(2024, 6, 15))
    bought = events.filter(in_may, pl.col("type") == "PremiumPlanBought")["event_id"]
    created = events.filter(pl.col("type") == "CustomerCreated")["event_id"]
    corrections = [
        event("$retracted", "desk", at="2024-08-10")
        | {"data": {"event_id": bought[0], "reason": "a test account"}},
        event("$corrected", "desk", at="2024-09-10")
        | {"data": {"event_id": created[5], "data": {"address": {"city": "Gent"}}}},
    ]
    return es.Timeline(MemoryLog(pl.concat([events, events_from_dicts(corrections)])), Customer)


@cache
def hostile() -> es.Timeline:
    """Return customers whose names, cities, ids and event types are hostile."""
    events = [
        each
        for number, text in enumerate(HOSTILE)
        for each in (
            event("CustomerCreated", f"{number} {text}", at="2024-01-05", name=text, address={"city": text}),
            event("PremiumPlanBought", f"{number} {text}", at="2024-02-05", plan=text),
            event("PremiumPlanCancelled", f"{number} {text}", at="2024-03-05", recorded_at="2024-05-05"),
        )
    ]
    return es.Timeline(MemoryLog(events), Customer)


def by_city(states: pl.DataFrame) -> pl.DataFrame:
    """Return how many customers each city has, the largest first."""
    groups = states.group_by(home_town="city").agg(customers=pl.len(), spent=pl.col("spent").sum())
    return groups.sort("customers", "home_town", descending=[True, False])


def city_chart(states: pl.DataFrame) -> Any:
    """Return the same as bars."""
    return charts.bars(by_city(states), x="customers", y="home_town", horizontal=True, title="not shown")


def board(timeline: es.Timeline) -> Board:
    """Return a board of customers."""
    return Board(
        timeline,
        title="Premium",
        sentence="{premium} of {customers:customer|customers} ({share}) had the plan, "
        "{premium.change:more} on {before}.",
        noun=("customer", "customers"),
        moments=[*MONTHS[11:], "2024-03-01"],
        known=[*MONTHS[11:], "2024-04-02"],
        as_of="2024-06-30",
        known_at="2024-07-01",
        figures={
            "customers": Figure(pl.len(), "Customers"),
            "premium": pl.col("premium").sum(),
            "share": Figure(pl.col("premium").mean(), "Share", "share"),
            "spent": Figure(pl.col("spent").sum(), "Spent", "money"),
            "cancelled": Changed("premium", ~pl.col("after")),
        },
        fields={
            "name": Field("Name"),
            "city": Field("Home", says="lived in {}"),
            "premium": Field("Plan", says="had the plan", denies="did not have the plan"),
            "term": Field(),
            "orders": Field("Orders"),
            "spent": Field("Spent", "money"),
        },
    )
