"""Choosing a snapshot: pure functions over what snapshots hold and what a question needs."""

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from eventsource.snapshots import Snapshot, Unusable
from eventsource.snapshots._choose import Request, choose_snapshot, unusable

JANUARY, FEBRUARY, MARCH = (datetime(2024, month, 28, tzinfo=UTC) for month in (1, 2, 3))

SNAPSHOT = Snapshot(
    position=100,
    moment=FEBRUARY,
    is_complete=True,
    last_recorded_at=FEBRUARY,
    columns=("=n|int",),
    entities=10,
    last_event_id="e99",
    log_mark="",
    file="",
)
REQUEST = Request(moment=MARCH, upto=200, known_at=None, order="occurred_at", columns=("=n|int",))


@pytest.mark.parametrize(
    "request_",
    [
        REQUEST,
        replace(REQUEST, moment=None),
        replace(REQUEST, moment=FEBRUARY, upto=100),
        replace(REQUEST, order="recorded_at"),
        replace(REQUEST, known_at=FEBRUARY),
    ],
)
def test_a_snapshot_of_visible_events_is_usable(request_: Request) -> None:
    """At the bounds, too: its position may be the bound, its moment the one asked for."""
    assert unusable(SNAPSHOT, request_) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"columns": ("=n|int", "=n|str")}, "other payload members"),
        ({"upto": 99}, "positions that the question does not see"),
        ({"moment": JANUARY}, "later than the one asked for"),
        ({"known_at": MARCH, "order": "recorded_at"}, "moved the clocks"),
        ({"known_at": JANUARY}, "recorded after known_at"),
    ],
)
def test_the_reason_says_why_a_snapshot_cannot_be_used(changes: dict[str, Any], reason: str) -> None:
    """Each obstacle has a reason of its own."""
    found = unusable(SNAPSHOT, replace(REQUEST, **changes))
    assert found is not None
    assert reason in found.reason


def test_the_snapshot_that_leaves_the_fewest_events_is_chosen() -> None:
    """Among those that are usable, whatever their order."""
    early, late = replace(SNAPSHOT, moment=JANUARY), SNAPSHOT
    costs = {early: 0.2, late: 0.1}
    assert choose_snapshot([early, late], REQUEST, costs.__getitem__, 1 / 3) == late
    only_early = replace(REQUEST, moment=JANUARY)
    assert choose_snapshot([early, late], only_early, costs.__getitem__, 1 / 3) == early


@pytest.mark.parametrize("step", [1, -1])
def test_of_equally_good_snapshots_the_latest_is_chosen(step: int) -> None:
    """By moment, then by position: it has the most events. Small logs in memory estimate the same for all."""
    early, short, late = replace(SNAPSHOT, moment=JANUARY), replace(SNAPSHOT, position=90), SNAPSHOT
    assert choose_snapshot([early, short, late][::step], REQUEST, lambda _: 0.0, 1 / 3) == late


def test_a_snapshot_that_leaves_too_many_events_is_not_chosen() -> None:
    """A fold of all events is then as fast."""
    found = choose_snapshot([SNAPSHOT], REQUEST, lambda _: 0.5, 1 / 3)
    assert found == Unusable("about 50% of all events would still have to be folded")


def test_where_none_is_usable_the_reason_is_that_of_the_latest() -> None:
    """Where no snapshot was taken, that is the reason."""
    request = replace(REQUEST, upto=50)
    found = choose_snapshot([replace(SNAPSHOT, position=10, moment=MARCH), SNAPSHOT], request, lambda _: 0.0, 1)
    assert isinstance(found, Snapshot)
    assert choose_snapshot([SNAPSHOT], request, lambda _: 0.0, 1) == unusable(SNAPSHOT, request)
    assert choose_snapshot([], request, lambda _: 0.0, 1) == Unusable("no snapshot was taken yet")
