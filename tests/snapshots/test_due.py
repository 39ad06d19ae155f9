"""Policies: which snapshots are due, decided without files."""

from datetime import UTC, datetime
from typing import Any

import pytest

from eventsource.errors import ModelError
from eventsource.snapshots import Snapshot, SnapshotPolicy
from eventsource.snapshots._policy import due_moments

SPAN = datetime(2024, 1, 15, tzinfo=UTC), datetime(2024, 4, 15, tzinfo=UTC)


def _end(month: int, day: int) -> datetime:
    return datetime(2024, month, day, 23, 59, 59, 999_999, UTC)


def _snapshot(position: int, moment: datetime, *, is_complete: bool = False) -> Snapshot:
    return Snapshot(position, moment, is_complete, None, (), 0, "", "", "")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"events": 0},
        {"events": "many"},
        {"every": "banana"},
        {"every": "0d"},
        {"every": "1h"},
        {"every": 5},
        {"every": "1mo", "keep": 0},
        {"every": "1mo", "keep": 2.5},
        {"every": "1mo", "keep": None},
    ],
)
def test_a_policy_without_effect_is_refused(wrong: dict[str, Any]) -> None:
    """Where it is made, not at the first question."""
    with pytest.raises(ModelError, match="expected") as caught:
        SnapshotPolicy(**wrong)
    assert caught.value.hint


@pytest.mark.parametrize(("head", "due"), [(99, []), (100, [None])])
def test_the_first_snapshot_is_due_after_so_many_events(head: int, due: list[datetime | None]) -> None:
    """Counted from the begin of the log."""
    assert due_moments(SnapshotPolicy(events=100), [], SPAN, head, "UTC") == due


@pytest.mark.parametrize(("is_complete", "due"), [(True, []), (False, [None])])
def test_events_count_from_the_newest_snapshot_of_all_events(
    due: list[datetime | None], *, is_complete: bool
) -> None:
    """A snapshot of an earlier moment leaves events before its position to fold, and does not count."""
    existing = [_snapshot(450, SPAN[1], is_complete=is_complete)]
    assert due_moments(SnapshotPolicy(events=100), existing, SPAN, 500, "UTC") == due


def test_the_newest_ended_steps_are_due() -> None:
    """At most as many as are kept, the newest first; the step that has not ended is not."""
    due = due_moments(SnapshotPolicy(every="1mo", keep=2), [], SPAN, 500, "UTC")
    assert due == [_end(3, 31), _end(2, 29)]


def test_a_step_end_that_would_be_removed_at_once_is_not_due() -> None:
    """As many snapshots of later moments as are kept are there already."""
    existing = [_snapshot(500, _end(3, 31)), _snapshot(500, SPAN[1])]
    assert due_moments(SnapshotPolicy(every="1mo", keep=2), existing, SPAN, 500, "UTC") == []


def test_steps_end_in_the_zone_of_the_timeline() -> None:
    """A month of Warsaw ends an hour or two before that of UTC."""
    due = due_moments(SnapshotPolicy(every="1mo", keep=1), [], SPAN, 500, "Europe/Warsaw")
    assert due == [datetime(2024, 3, 31, 21, 59, 59, 999_999, UTC)]
