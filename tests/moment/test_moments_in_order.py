"""Moments that name each other, and their order."""

from datetime import date, datetime

import pytest

from eventsource.errors import MomentError
from eventsource.moment import moments_in_order, moments_of, references_resolved


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("as_of", date(2024, 5, 31)),
        ("as_of + 1d", date(2024, 6, 1)),
        ("as_of - 3mo", date(2024, 2, 29)),
        ("as_of-1w", date(2024, 5, 24)),
        ("as_of - 1y", date(2023, 5, 31)),
        ("start of quarter of as_of", date(2024, 4, 1)),
        ("start of the month of as_of - 1d", date(2024, 4, 30)),
        ("start of year of as_of", date(2024, 1, 1)),
        ("2024-01-02", date(2024, 1, 2)),
    ],
)
def test_a_moment_may_count_from_another(text: str, day: date) -> None:
    """Days, weeks, months, quarters and years from another moment, or the start of its month, quarter or year."""
    assert moments_of({"other": text, "as_of": "2024-05-31"})["other"] == day


def test_datetimes_keep_their_time() -> None:
    """A step from a datetime is a datetime."""
    found = moments_of({"as_of": "2024-05-31T12:30:00", "before": "as_of - 1mo"})
    assert found["before"] == datetime(2024, 4, 30, 12, 30)  # noqa: DTZ001 - as naive as what it counts from


def test_moments_in_order() -> None:
    """Each is at or after the one to its left; equal ones are in order."""
    assert moments_in_order(since="as_of - 1d", as_of="2024-06-30", known_at="as_of") == [
        date(2024, 6, 29),
        date(2024, 6, 30),
        date(2024, 6, 30),
    ]
    with pytest.raises(MomentError, match="expected known_at not to be before as_of, 2024-06-30, got 2024-06-29"):
        moments_in_order(as_of="2024-06-30", known_at="as_of - 1d")


@pytest.mark.parametrize(
    ("moments", "message"),
    [
        ({"a": "b", "b": "a"}, "a depends on itself: a → b → a"),
        ({"a": "b - 1d"}, "a: expected a moment, got 'b - 1d'"),
        ({"a": "soon"}, "a: expected a moment, got 'soon'"),
        ({"a": "2024-06-31"}, "2024-06-31"),
    ],
)
def test_other_texts_are_refused(moments: dict[str, str], message: str) -> None:
    """A circle, an unknown name and an impossible day are errors that name them."""
    with pytest.raises(MomentError, match=message):
        moments_of(moments)


def test_references_among_other_values() -> None:
    """Only texts that count from another value change; names alone, numbers and other texts stay."""
    values = {"as_of": "2024-06-30", "since": "start of quarter of as_of", "who": "as_of", "n": 3, "x": "y - 1d"}
    assert references_resolved(values) == values | {"since": "2024-04-01"}
