"""Corrections: what they say, which event they name, and when they have no effect."""

from typing import Any

import pytest

from eventsource.corrections import Corrections
from eventsource.errors import ModelError
from eventsource.testing import MemoryLog, event

PAID = event("Paid", at="2024-01-01", event_id="e1", amount=1)


def correction(data: Any, type_: str = "$corrected", event_id: str = "k1") -> dict[str, Any]:
    """Return a correction; ``data`` is an object or JSON text."""
    return event(type_, at="2024-02-01", event_id=event_id) | {"data": data}


def corrections_of(*events: dict[str, Any]) -> Corrections:
    return Corrections.of(MemoryLog(list(events)))


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ({}, "expected the id of an event as event_id, got nothing"),
        ({"event_id": ["e1"]}, 'expected the id of an event as event_id, got ["e1"]'),
        ({"event_id": "e1", "data": [1]}, "expected an object as data, got [1]"),
        ({"event_id": "e1", "data": "{}"}, 'expected an object as data, got "{}"'),
        ({"event_id": "e1", "type": 7}, "expected an event type as type, got 7"),
        ({"event_id": "e1", "type": ""}, 'expected an event type as type, got ""'),
        ({"event_id": "e1", "type": "$retracted"}, "no event can become a correction: its type is '$retracted'"),
        ({"event_id": "e1", "occurred_at": "soon"}, "expected a time as occurred_at, got soon"),
        ({"event_id": "e1", "occurred_at": 1700000000}, "expected a time as text as occurred_at, got 1700000000"),
        ({"event_id": "e2"}, "the log has no event e2 at a smaller position"),
        ({"event_id": "k1"}, "the log has no event k1 at a smaller position"),
        ({"event_id": "k0"}, "k0 is a correction, and corrections cannot be corrected"),
    ],
)
def test_a_correction_without_effect_says_why(payload: dict[str, Any], problem: str) -> None:
    """A correction that is malformed, or names no earlier event, has no effect, and the reason is known."""
    before = correction({"event_id": "e1", "reason": "fine"}, event_id="k0")
    later = event("Paid", at="2024-03-01", event_id="e2")
    found = corrections_of(PAID, before, correction(payload), later).table
    assert found["problem"].to_list() == [None, problem]
    assert found["target"].to_list() == [0, None]


def test_the_last_correction_that_is_seen_counts() -> None:
    """Readings replace parts of the original; a retraction has none; `known_at` and `upto` decide which counts."""
    log = [
        PAID,
        correction({"event_id": "e1", "data": {"amount": 2.50}}),
        correction({"event_id": "e1"}, "$retracted", "k2"),
        correction({"event_id": "e1", "type": "Refunded", "occurred_at": "2024-01-05T10:00:00"}, event_id="k3"),
    ]
    found = corrections_of(*log)
    assert found.in_force(upto=1).is_empty()
    assert found.in_force(upto=2)["data"].to_list() == ['{"amount":2.5}']
    assert found.in_force(upto=3).is_empty()
    [last] = found.in_force().to_dicts()
    assert (last["type"], last["data"]) == ("Refunded", '{"amount":1}')
    assert (last["position"], last["event_id"], last["stream"]) == (0, "e1", "entity-1")
    assert f"{last['occurred_at']:%d %H} {last['recorded_at']:%d %H}" == "05 10 01 00"


def test_payloads_keep_every_digit_and_ids_may_be_numbers() -> None:
    """The data of a correction is taken verbatim, and a number is the id of that text."""
    log = MemoryLog(
        [PAID | {"event_id": "7"}, correction('{"event_id": 7, "data": {"amount": 1.10000000000000000001e400}}')]
    )
    assert Corrections.of(log).in_force()["data"].to_list() == ['{"amount": 1.10000000000000000001e400}']


@pytest.mark.parametrize("payload", ['{"event_id": "e1", "data": nul}', "{" + '"a":' * 3000, '["e1"]'])
def test_payloads_that_cannot_be_read_have_no_effect(payload: str) -> None:
    """A payload that is not a JSON object, which no append would take, does not stop anything."""
    rows = MemoryLog([PAID, correction({})]).scan().collect()
    rows = rows.with_columns(data=rows["data"].set(rows["position"] == 1, payload))
    [problem] = Corrections.among(rows, MemoryLog([PAID])).table["problem"]
    assert problem.startswith("its payload cannot be read")


def test_models_cannot_name_corrections() -> None:
    """Corrections belong to no entity."""
    import eventsource as es  # noqa: PLC0415 - the public names

    with pytest.raises(ModelError, match="are corrections, and belong to no entity"):
        type("Odd", (es.Model,), {"n": es.count("$corrected")})
