import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from eventsource import demo, event
from eventsource.demo._business import BUSINESS
from tests.demo.helpers import members
from tests.laws import examples


@settings(max_examples=examples(12), deadline=None)
@given(
    customers=st.integers(1, 60),
    seed=st.integers(-5, 2**63),
    since=st.dates(date(2020, 1, 1), date(2024, 6, 1)),
    days=st.integers(1, 900),
)
def test_any_arguments_give_a_consistent_log(customers: int, seed: int, since: date, days: int) -> None:
    """Whatever the seed and period: ids unique, versions 1, 2, 3 …, everything within the period."""
    until = since + timedelta(days=days - 1)
    found = demo.events(customers=customers, seed=seed, since=since, until=until)
    by_stream = found.group_by("stream").agg("version")
    occurred, recorded = (found[name].dt.date().to_list() for name in ("occurred_at", "recorded_at"))
    assert found["event_id"].is_unique().all()
    assert all(sorted(versions) == list(range(1, len(versions) + 1)) for versions in by_stream["version"])
    assert found.select((pl.col("occurred_at") <= pl.col("recorded_at")).all()).item()
    assert all(day >= since for day in occurred)
    assert all(day <= until for day in recorded)


def test_payloads_are_json_objects(events: pl.DataFrame) -> None:
    """Every payload and metadata is one JSON object, and every type occurs."""
    assert event.check_events(events).equals(events)
    assert set(events["type"]) == set(BUSINESS["event_types"])


def test_versions_follow_the_recording(events: pl.DataFrame) -> None:
    """A stream begins with its creation, and its versions count the events in the order of their recording."""
    ordered = events.sort("stream", "version")
    steps = ordered.select(pl.col("recorded_at").diff().over("stream").drop_nulls() >= timedelta(0))
    assert steps.to_series().all()
    assert set(ordered.group_by("stream").agg(pl.col("type").first())["type"]) == {"CustomerCreated"}


def lives(events: pl.DataFrame) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Yield customers' events in the order in which they occurred, up to where all of them are recorded."""
    is_complete = pl.col("occurred_at") < datetime(2024, 11, 15, tzinfo=UTC)
    is_short = pl.col("version").max().over("stream") < 60
    ordered = events.filter(is_complete, is_short).sort("stream", "occurred_at", "version")
    for _, life in ordered.group_by("stream", maintain_order=True):
        yield [(kind, json.loads(data)) for kind, data in life.select("type", "data").iter_rows()]


def test_accounts_and_plans_are_consistent(events: pl.DataFrame) -> None:
    """Nothing happens to a deleted account; a plan needs a card, is renewed and ends only while it runs."""
    for life in lives(events):
        exists, premium, card = False, False, False
        for kind, _ in life:
            assert exists == (kind != "CustomerCreated")
            exists = kind != "CustomerDeleted"
            card |= kind == "CardAdded"
            if kind.startswith("PremiumPlan"):
                assert premium == (kind != "PremiumPlanBought")
                assert card
                premium = kind in {"PremiumPlanBought", "PremiumPlanRenewed"}
            premium &= exists


def test_refunds_and_answers_have_a_cause(events: pl.DataFrame) -> None:
    """A refund is at most what was paid, and a ticket is closed at most once, after it was opened."""
    for life in lives(events):
        paid: dict[str, float] = {}
        tickets: set[str] = set()
        for kind, data in life:
            if kind == "PurchaseMade":
                paid[data["order_id"]] = data["amount"]
            elif kind == "PurchaseRefunded":
                assert 0 < data["amount"] <= paid.pop(data["order_id"])
            elif kind == "TicketOpened":
                tickets.add(data["ticket_id"])
            elif kind == "TicketClosed":
                tickets.remove(data["ticket_id"])


def test_nulls_absent_members_and_hostile_texts_occur(events: pl.DataFrame) -> None:
    """Explicit nulls, absent members, customers created again, markup and formulas all occur."""
    texts = pl.concat([events["data"], demo.events(customers=500)["data"]])
    for needle in (
        '"rating":null',
        '"reason":null',
        '"city":null,"country"',
        "</script><script>alert(1)</script>",
        '"=1+1"',
        "<img src=x onerror=alert(1)>",
    ):
        assert texts.str.contains(needle, literal=True).any()
    created = members(events, "CustomerCreated", "channel")
    assert created["channel"].null_count() > 0
    assert created["stream"].is_duplicated().any()
    assert events["metadata"].null_count() > 0
