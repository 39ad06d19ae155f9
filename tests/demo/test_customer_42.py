"""The customer whose life is written by hand."""

import json
from datetime import timedelta

import polars as pl
import pytest

from eventsource import demo
from tests.demo.helpers import HERO


@pytest.mark.parametrize("seed", [7, 1, -1])
def test_the_story_of_customer_42(seed: int) -> None:
    """Premium until 15 June 2024, which is recorded on the 18th, and a move in April, whatever the seed."""
    found = demo.events(customers=60, seed=seed).filter(pl.col("stream") == HERO).sort("occurred_at")
    rows = [(line["type"], str(line["occurred_at"].date()), json.loads(line["data"])) for line in found.to_dicts()]
    cities = [(day, data["address"]["city"]) for _, day, data in rows if "address" in data]
    plan = [(kind, day) for kind, day, _ in rows if kind in {"PremiumPlanBought", "PremiumPlanCancelled"}]
    late = found.filter(pl.col("recorded_at") - pl.col("occurred_at") >= timedelta(days=1))
    assert plan == [
        ("PremiumPlanBought", "2023-11-24"),
        ("PremiumPlanCancelled", "2024-06-15"),
        ("PremiumPlanBought", "2024-11-27"),
    ]
    assert cities == [("2023-03-14", "Kraków"), ("2024-04-20", "Warszawa")]
    assert dict(zip(late["type"], late["recorded_at"].dt.date().cast(pl.String), strict=True)) == {
        "PurchaseMade": "2024-06-03",
        "PremiumPlanCancelled": "2024-06-18",
    }
    assert sum(kind == "PurchaseMade" for kind, _, _ in rows) == 5


def test_the_story_is_the_same_in_every_log() -> None:
    """His events are the same for every seed and size, apart from ids and correlation."""
    stories = [
        demo.events(customers=customers, seed=seed).filter(pl.col("stream") == HERO).drop("event_id", "metadata")
        for customers, seed in ((42, 1), (500, 7))
    ]
    assert stories[0].equals(stories[1])


def test_the_story_is_left_out_of_a_later_period() -> None:
    """In a period that begins after his sign-up, customer-42 is like all others."""
    found = demo.events(customers=60, since="2024-01-01").filter(pl.col("stream") == HERO)
    assert not found["data"].str.contains("Wojciech Żuławski").any()
