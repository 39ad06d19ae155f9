"""`Timeline.history`: one row per interval in which nothing changed (a slowly changing dimension)."""

from datetime import UTC, datetime

import eventsource as es
from eventsource.testing import MemoryLog, event
from tests.timeline.shopkit import Customer, customers


def at(month: int, day: int, hour: int) -> datetime:
    return datetime(2024, month, day, hour, tzinfo=UTC)


def test_intervals_are_half_open_and_the_last_one_has_no_end() -> None:
    """An interval ends where the next one begins."""
    history = customers().history("ada").select("valid_from", "valid_to", "tier", "orders")
    assert history.rows() == [
        (at(1, 1, 9), at(1, 10, 12), "basic", 0),
        (at(1, 10, 12), at(2, 1, 8), "basic", 1),
        (at(2, 1, 8), at(3, 5, 12), "premium", 1),
        (at(3, 5, 12), None, "premium", 2),
    ]


def test_a_deleted_entity_has_no_interval_after_its_end() -> None:
    """The last interval of a deleted entity ends at the event that deleted it."""
    assert customers().history("bob")["valid_to"].to_list() == [at(2, 10, 12), at(3, 1, 0)]


def test_an_entity_that_was_created_again_has_a_gap() -> None:
    """There is no row while it does not exist; its state continues after the gap."""
    events = [
        event(kind, "ada", at=f"2024-01-0{day}") for day, kind in ((1, "Joined"), (2, "Left"), (4, "Joined"))
    ]
    history = es.Timeline(MemoryLog(events), Customer).history()
    assert history.select("valid_from", "valid_to").rows() == [
        (at(1, 1, 0), at(1, 2, 0)),
        (at(1, 4, 0), None),
    ]


def test_several_events_at_one_instant_leave_one_row() -> None:
    """Only the state after the last of them shows."""
    kinds = ("Joined", "Ordered", "Ordered")
    events = [event(kind, "ada", at="2024-01-01", amount="1") for kind in kinds]
    assert es.Timeline(MemoryLog(events), Customer).history()["orders"].to_list() == [2]


def test_events_that_change_nothing_begin_no_interval() -> None:
    """Equal neighbours are one row."""
    events = [event("Joined", "ada", at=f"2024-01-0{day}", tier="basic") for day in (1, 2, 3)]
    assert es.Timeline(MemoryLog(events), Customer).history().height == 1


def test_all_entities_are_sorted_by_id_and_time() -> None:
    """Without ``entity`` the history has all of them; several are a list."""
    everyone = customers().history()
    assert everyone["entity"].to_list() == ["ada"] * 4 + ["bob"] * 2
    assert customers().history(["bob", "ada"]).equals(everyone)
    assert customers().history("eve").schema == everyone.schema


def test_a_bitemporal_question_sees_what_was_recorded_by_then() -> None:
    """``known_at`` is a moment of transaction time; the intervals are in valid time."""
    late = event("Ordered", "ada", at="2024-01-10", recorded_at="2024-02-01", amount="1")
    timeline = es.Timeline(MemoryLog([event("Joined", "ada", at="2024-01-01"), late]), Customer)
    assert timeline.history(known_at="2024-01-31")["orders"].to_list() == [0]
    assert timeline.history(known_at="2024-02-01")["orders"].to_list() == [0, 1]
