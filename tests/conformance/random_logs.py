"""Random logs for the laws, small enough that everything collides.

Few entities, few types, few instants: equal moments, late events, skewed clocks, second arrivals, explicit nulls
and absent members happen in almost every example.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.conformance.choices import Choices, choices

__all__ = [
    "ABSENT",
    "CORRECTIONS",
    "DIRTY",
    "GONE",
    "INSTANTS",
    "KINDS",
    "MEMBERS",
    "NUMBERS",
    "PARTS",
    "STREAMS",
    "TYPES",
    "ZONES",
    "logs",
    "moment_of",
    "moments",
    "with_corrections",
    "zones",
]

STREAMS = ("a", "b", "ż 1")
TYPES = ("Opened", "Changed", "Paid", "Moved", "Closed")
UNKNOWN = "Unheard"
GONE = "Gone"
"""Events of this type belong to no entity: every plan has a key for them, which they lack."""
CORRECTIONS = ("$corrected", "$retracted")
PARTS = ("data", "type", "occurred_at")
ZONES = ("UTC", "Europe/Warsaw", "America/New_York", "Asia/Kolkata")
BEGIN = datetime(2024, 3, 29, tzinfo=UTC)
"""Two clock changes lie in the days that follow."""

_TICK = timedelta(microseconds=1)
_OFFSETS = [timedelta(0), -_TICK, timedelta(hours=1), timedelta(hours=4), timedelta(hours=12), timedelta(hours=23)]

INSTANTS = sorted({BEGIN + timedelta(days=day) + offset for day in range(1, 5) for offset in _OFFSETS})

ABSENT = object()
_SMALL = tuple(range(-3, 10))
_FLOATS = (0.1, -0.2, 1.0, 2.5, 1e12, 1e-6, 3.0, 1e41)
_BOOLS = (False, True)
_TEXTS = ("", "x", "Łódź", "10", "9", "null", '"')
_BIG = (2**53 + 1, 2**53, 2**62, -(2**63), 2**63 - 1, 7)
_HUGE = (2**63, -(2**63) - 1, 10**30, 5)
_CENTS = (0.1, 0.2, 1.05, 12, "3.30", 1e3)

KINDS: dict[str, tuple[tuple[Any, ...], ...]] = {
    "small": (_SMALL,),
    "big": (_BIG,),
    "float": (_FLOATS,),
    "number": (_SMALL, _FLOATS),
    "bool": (_BOOLS,),
    "text": (_TEXTS,),
    "mixed": (_SMALL, _FLOATS, _BOOLS, _TEXTS, ({"k": [1]},), ([True],), _HUGE),
}
"""Kind of a member → groups of its values; each group is as likely as absence, and as an explicit null."""

NUMBERS = ("small", "float", "number")

DIRTY = "dirty"
"""A kind for members of faulty worlds: whatever fields cannot fold, or no dtype holds together."""

_DIRTY = (_SMALL, _FLOATS, _BIG, _HUGE, _TEXTS, _CENTS, (True, {"k": 1}, [1], 10**400, 0.005))
_VALUES = {kind: ((ABSENT,), (None,), *groups) for kind, groups in (KINDS | {DIRTY: _DIRTY}).items()}
_NUMBERED = ((1, 2, 3, 4), (-(2**63), 2**63 - 1))
_VERSIONS = (((None,),), ((None,), *_NUMBERED), _NUMBERED)
"""What the versions of a log may be: none, some, all."""
_LAGS = (None, timedelta(0), timedelta(hours=-30), timedelta(hours=1), timedelta(days=2))
_WHOM = (ABSENT, None, "a", "b", 7, "7", "new")

_NEAR = [instant - _TICK for instant in INSTANTS]
_DAYS = [date(2024, 3, 29) + timedelta(days=number) for number in range(7)]
_MOMENTS: tuple[tuple[Any, ...], ...] = (
    tuple(_DAYS),
    tuple(INSTANTS),
    tuple(_NEAR),
    tuple(instant.replace(tzinfo=None) for instant in INSTANTS),
    tuple(map(str, _DAYS)),
    tuple(map(datetime.isoformat, INSTANTS)),
)
"""Moments of every form: dates, instants of events, just before them, naive, texts."""


def moments() -> st.SearchStrategy[Any]:
    """Return moments of every form."""
    return _ANY_MOMENT


def moment_of(choose: Choices) -> Any:
    """Return a moment of any form."""
    return choose.value_of(_MOMENTS)


_ANY_MOMENT = choices(2).map(moment_of)
_ANY_ZONE = st.sampled_from(ZONES)


def zones() -> st.SearchStrategy[str]:
    """Return zones."""
    return _ANY_ZONE


MEMBERS = ("n", "v", "in.side")
_OF_LOG = choices(8)
_OF_EVENT = choices(16)
_OF_CORRECTION = choices(32)
_MOST_EVENTS = 14
_SIZES = st.integers(0, _MOST_EVENTS)
_EVENTS_OF_SIZE = [st.lists(_OF_EVENT, min_size=size, max_size=size) for size in range(_MOST_EVENTS + 1)]
_SOME_INSTANTS = INSTANTS[::9]
_ORDER = choices(_MOST_EVENTS)


@st.composite
def logs(draw: st.DrawFn, members: dict[str, str], *, distinct_moments: bool = False) -> list[dict[str, Any]]:
    """Return events in order of arrival, with second arrivals in between."""
    size, choose = draw(_SIZES), draw(_OF_LOG)
    versions = choose.one_of(_VERSIONS)
    instants = INSTANTS if distinct_moments else choose.one_of((INSTANTS, _SOME_INSTANTS))
    events = [
        _event(of_event, f"e{number}", members, versions, instants)
        for number, of_event in enumerate(draw(_EVENTS_OF_SIZE[size]))
    ]
    if distinct_moments:
        order, left = draw(_ORDER), list(INSTANTS)
        events = [_moved(event, order.taken_from(left)) for event in events]
    again = [choose.one_of(events) for _ in range(choose.one_of((0, 1, 2)))] if events else []
    return events + [event | {"data": {"n": 5}, "stream": choose.one_of(STREAMS)} for event in again]


@st.composite
def with_corrections(
    draw: st.DrawFn, events: list[dict[str, Any]], members: dict[str, str], *, most: int = 3
) -> list[dict[str, Any]]:
    """Return events, and corrections of them at any place: also before their event, of each other, of none."""
    found = list(events)
    for number in range(draw(_CORRECTED[most])):
        ids = [event["event_id"] for event in found]
        choose = draw(_OF_CORRECTION)
        correction = _correction(choose, f"k{number}", [*ids, *ids, "none"], members)
        found.insert(choose.one_of((choose.one_of(range(len(found) + 1)), len(found))), correction)
    return found


_CORRECTED = {most: st.sampled_from([0, *range(most + 1)]) for most in (3, 5)}


def _correction(choose: Choices, event_id: str, ids: list[str], members: dict[str, str]) -> dict[str, Any]:
    correction = _event(choose, event_id, members, _VERSIONS[0], INSTANTS)
    parts: dict[str, Any] = {
        "data": _payload(choose, members),
        "type": choose.one_of((*TYPES, UNKNOWN)),
        "occurred_at": choose.one_of(INSTANTS),
    }
    given = {name: part for name, part in parts.items() if choose.one_of(_BOOLS)}
    data = {"event_id": choose.one_of(ids), "reason": "why"} | given
    return correction | {"type": choose.one_of(("$corrected", *CORRECTIONS)), "data": data}


def _event(
    choose: Choices, event_id: str, members: dict[str, str], versions: Any, instants: Sequence[datetime]
) -> dict[str, Any]:
    lag, at = choose.one_of(_LAGS), choose.one_of(instants)
    return {
        "event_id": event_id,
        "stream": choose.one_of(STREAMS),
        "version": choose.value_of(versions),
        "type": choose.one_of((*TYPES, UNKNOWN)),
        "occurred_at": at,
        "recorded_at": None if lag is None else at + lag,
        "data": _payload(choose, members),
    }


def _moved(event: dict[str, Any], at: datetime) -> dict[str, Any]:
    """Return an event that occurred at another moment, and was recorded as long after it."""
    recorded, lag = event["recorded_at"], at - event["occurred_at"]
    return event | {"occurred_at": at, "recorded_at": None if recorded is None else recorded + lag}


def _payload(choose: Choices, members: Mapping[str, str]) -> dict[str, Any]:
    values = {name: choose.value_of(_VALUES[kind]) for name, kind in members.items()}
    inside = values.pop("in.side")
    payload = {name: value for name, value in values.items() if value is not ABSENT}
    side = {} if inside is ABSENT else {"side": inside}
    payload["in"] = choose.one_of(({}, side, side, None, "plain", [1]))
    whom = choose.one_of((*_WHOM, [1], {"id": 7}) if DIRTY in members.values() else _WHOM)
    return payload if whom is ABSENT else payload | {"who": {"id": whom}}
