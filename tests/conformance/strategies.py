"""Random worlds for the laws: logs, models and moments, small enough that everything collides.

Few entities, few types, few instants: equal moments, late events, skewed clocks, second arrivals, explicit nulls
and absent members happen in almost every example.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
from hypothesis import strategies as st
from msgspec.structs import replace

from eventsource.plan import Plan, Rule, Transition

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
_SMALL = st.integers(-3, 9)
_FLOATS = st.sampled_from([0.1, -0.2, 1.0, 2.5, 1e12, 1e-6, 3.0, 1e41])
_TEXTS = st.sampled_from(["", "x", "Łódź", "10", "9", "null", '"'])
_BIG = st.sampled_from([2**53 + 1, 2**53, 2**62, -(2**63), 2**63 - 1, 7])
_HUGE = st.sampled_from([2**63, -(2**63) - 1, 10**30, 5])
_CENTS = st.sampled_from([0.1, 0.2, 1.05, 12, "3.30", 1e3])

KINDS: dict[str, st.SearchStrategy[Any]] = {
    "small": _SMALL,
    "big": _BIG,
    "float": _FLOATS,
    "number": _SMALL | _FLOATS,
    "bool": st.booleans(),
    "text": _TEXTS,
    "mixed": _SMALL | _FLOATS | st.booleans() | _TEXTS | st.just({"k": [1]}) | st.just([True]) | _HUGE,
}

NUMBERS = ("small", "float", "number")

DIRTY = "dirty"
"""A kind for members of faulty worlds: whatever fields cannot fold, or no dtype holds together."""

_DIRTY = _SMALL | _FLOATS | _BIG | _HUGE | _TEXTS | _CENTS | st.sampled_from([True, {"k": 1}, [1], 10**400, 0.005])
_REQUESTED = st.sampled_from(
    [None, None, None, pl.Decimal(18, 2), pl.Decimal(4, 1), pl.Int64(), pl.Int8(), pl.Float64(), pl.Float32()]
)
_ROUNDINGS = st.sampled_from([None, "half_even", "half_up", "down"])

_VERSIONS = st.integers(1, 4) | st.sampled_from([-(2**63), 2**63 - 1])


@dataclass(frozen=True)
class World:
    """A log and a model that fits it: the events in order of arrival, and the plan."""

    events: list[dict[str, Any]]
    plan: Plan

    def without(self, keep: Any) -> list[dict[str, Any]]:
        """Return the events that ``keep`` takes, second arrivals left out."""
        first: dict[str, dict[str, Any]] = {}
        for event in self.events:
            first.setdefault(event["event_id"], event)
        return [event for event in first.values() if keep(event)]

    def as_read(self, upto: int | None = None, known_at: datetime | None = None) -> list[dict[str, Any]]:
        """Return a log without corrections that a question must read like this one: the slow, obvious way.

        Corrections and retracted events become events that belong to no entity, so that positions stay.
        """
        events = self.without(lambda _: True)
        position = {event["event_id"]: number for number, event in enumerate(events)}
        read = [event | {"recorded_at": _recorded_at(event)} for event in events]
        for number, event in enumerate(events[:upto]):
            target = position.get(event["data"].get("event_id"), len(events))
            if event["type"] not in CORRECTIONS:
                continue
            read[number] = _gone(read[number])
            if target >= number or events[target]["type"] in CORRECTIONS:
                continue
            if known_at is not None and _recorded_at(event) > known_at:
                continue
            original = events[target] | {"recorded_at": _recorded_at(events[target])}
            if event["type"] == "$retracted":
                read[target] = _gone(original)
            else:
                parts = {name: event["data"][name] for name in PARTS if name in event["data"]}
                read[target] = original | parts
        return [_gone(event) if event["type"] in CORRECTIONS else event for event in read]


def _recorded_at(event: dict[str, Any]) -> Any:
    return event["recorded_at"] or event["occurred_at"]


def _gone(event: dict[str, Any]) -> dict[str, Any]:
    return event | {"type": GONE, "data": {}}


def moments() -> st.SearchStrategy[Any]:
    """Return moments of every form: dates, instants of events, just before them, naive, texts."""
    days = st.dates(date(2024, 3, 29), date(2024, 4, 4))
    exact = st.sampled_from(INSTANTS)
    near = exact.map(lambda instant: instant - _TICK)
    naive = exact.map(lambda instant: instant.replace(tzinfo=None))
    return days | exact | near | naive | days.map(str) | exact.map(datetime.isoformat)


def zones() -> st.SearchStrategy[str]:
    """Return zones."""
    return st.sampled_from(ZONES)


@st.composite
def worlds(draw: st.DrawFn, /, *, kinds: tuple[str, ...] = tuple(KINDS), **model: Any) -> World:
    """Return a log and a model over it.

    Args:
        draw: hypothesis' own.
        kinds: the kinds that members may have in one log.
        **model: see `plans`.
    """
    members = {name: draw(st.sampled_from(kinds)) for name in ("n", "v", "in.side")}
    return World(draw(with_corrections(draw(logs(members)), members)), draw(plans(members, **model)))


@st.composite
def logs(draw: st.DrawFn, members: dict[str, str], *, distinct_moments: bool = False) -> list[dict[str, Any]]:
    """Return events in order of arrival, with second arrivals in between."""
    size = draw(st.integers(0, 14))
    instants = INSTANTS if distinct_moments else draw(st.sampled_from([INSTANTS, INSTANTS[::9]]))
    moments = draw(st.lists(st.sampled_from(instants), min_size=size, max_size=size, unique=distinct_moments))
    versions = draw(st.sampled_from([st.none(), st.none() | _VERSIONS, _VERSIONS]))
    events = [draw(_events(f"e{number}", at, members, versions)) for number, at in enumerate(moments)]
    again = draw(st.lists(st.integers(0, max(size - 1, 0)), max_size=2)) if events else []
    changed = [events[number] | {"data": {"n": 5}, "stream": draw(st.sampled_from(STREAMS))} for number in again]
    return events + changed


@st.composite
def with_corrections(
    draw: st.DrawFn, events: list[dict[str, Any]], members: dict[str, str], *, most: int = 3
) -> list[dict[str, Any]]:
    """Return events, and corrections of them at any place: also before their event, of each other, of none."""
    found = list(events)
    for number in range(draw(st.sampled_from([0, *range(most + 1)]))):
        ids = [event["event_id"] for event in found]
        correction = draw(_corrections(f"k{number}", [*ids, *ids, "none"], members))
        found.insert(draw(st.integers(0, len(found)) | st.just(len(found))), correction)
    return found


@st.composite
def _corrections(draw: st.DrawFn, event_id: str, ids: list[str], members: dict[str, str]) -> dict[str, Any]:
    correction = draw(_events(event_id, draw(st.sampled_from(INSTANTS)), members, st.none()))
    parts: dict[str, Any] = {
        "data": draw(_payloads(members)),
        "type": draw(st.sampled_from((*TYPES, UNKNOWN))),
        "occurred_at": draw(st.sampled_from(INSTANTS)),
    }
    given = draw(st.sets(st.sampled_from(PARTS)))
    data = {"event_id": draw(st.sampled_from(ids)), "reason": "why"} | {name: parts[name] for name in given}
    return correction | {"type": draw(st.sampled_from(("$corrected", *CORRECTIONS))), "data": data}


@st.composite
def _events(
    draw: st.DrawFn, event_id: str, at: datetime, members: dict[str, str], versions: st.SearchStrategy[int | None]
) -> dict[str, Any]:
    lag = draw(st.sampled_from([None, timedelta(0), timedelta(hours=-30), timedelta(hours=1), timedelta(days=2)]))
    return {
        "event_id": event_id,
        "stream": draw(st.sampled_from(STREAMS)),
        "version": draw(versions),
        "type": draw(st.sampled_from((*TYPES, UNKNOWN))),
        "occurred_at": at,
        "recorded_at": None if lag is None else at + lag,
        "data": draw(_payloads(members)),
    }


@st.composite
def _payloads(draw: st.DrawFn, members: dict[str, str]) -> dict[str, Any]:
    values = {
        name: draw(st.just(ABSENT) | st.none() | (KINDS | {DIRTY: _DIRTY})[kind]) for name, kind in members.items()
    }
    inside = values.pop("in.side")
    payload = {name: value for name, value in values.items() if value is not ABSENT}
    payload["in"] = draw(st.sampled_from([{}, {"side": inside}, {"side": inside}, None, "plain", [1]]))
    if payload["in"] == {"side": ABSENT}:
        payload["in"] = {}
    bad_keys = [[1], {"id": 7}] if DIRTY in members.values() else []
    whom = draw(st.sampled_from([ABSENT, None, "a", "b", 7, "7", "new", *bad_keys]))
    return payload if whom is ABSENT else payload | {"who": {"id": whom}}


@st.composite
def faulty_worlds(draw: st.DrawFn, /, **model: Any) -> World:
    """Return a log whose members may hold anything, and a model over it; see `worlds`."""
    kinds = st.sampled_from([DIRTY, DIRTY, *KINDS])
    members = {name: draw(kinds) for name in ("n", "v", "in.side")}
    return World(draw(with_corrections(draw(logs(members)), members)), draw(plans(members, **model)))


@st.composite
def plans(draw: st.DrawFn, members: dict[str, str], *, python: bool = True, order: str | None = None) -> Plan:
    """Return a plan whose rules fit the members of a log.

    Args:
        draw: hypothesis' own.
        members: path → kind.
        python: whether there may be ``reduce`` and ``derive``.
        order: the fold order; None: any.
    """
    ops = ["latest", "first", "moment", "flag", "count", "total", "mean", "extremes", "distinct", "states"]
    wanted = draw(st.lists(st.sampled_from(ops + ["reduce"] * python), min_size=1, max_size=4))
    rules = [draw(_rules(f"f{number}", op, members)) for number, op in enumerate(wanted)]
    if python and draw(st.booleans()):
        rules.append(Rule(name="derived", op="derive", expression=draw(_expressions(rules))))
    created, deleted = draw(_SPANS)
    return Plan(
        name="Random",
        rules=tuple(rules),
        created=created,
        deleted=deleted,
        order=order or draw(st.sampled_from(["occurred_at", "recorded_at"])),  # type: ignore[arg-type]  # drawn
        key={GONE: "gone"}
        | draw(st.sampled_from([{}, {"Moved": "who.id"}, {"Moved": "who.id", "Paid": "who.id"}])),
    )


_SPANS = st.sampled_from(
    [((), ()), (("Opened",), ()), (("Opened",), ("Closed",)), ((), ("Closed",)), (("Opened", "Paid"), ("Moved",))]
)
_EVENTS = st.lists(st.sampled_from(TYPES), min_size=1, max_size=3, unique=True).map(tuple)
_ARROWS = (
    Transition(("new", "old"), "Changed", "mid"),
    Transition(("mid",), "Paid", "old"),
    Transition(("mid",), "Changed", "new"),
    Transition(("new",), "Closed", "old"),
)


_FORMS = st.sampled_from(["path", "path", "path", "alternatives", "per type", "envelope"])
"""What a field reads: one path, alternatives, a path for some of its types, or the envelope."""

_ENVELOPE = st.sampled_from(["@type", "@stream", "@recorded_at", "@version", "@position", ["@version", "@type"]])


@st.composite
def _rules(draw: st.DrawFn, name: str, op: str, members: dict[str, str]) -> Rule:
    rule = draw(_plain_rules(name, op, members))
    return replace(rule, where=draw(_CONDITIONS)) if draw(st.integers(0, 3)) == 0 else rule


_CONDITIONS = st.sampled_from(
    [
        pl.col("n").is_not_null(),
        pl.col("v").cast(pl.String).is_in(["x", "true", "9"]),
        (pl.col("in.side").cast(pl.String) != "x") | pl.col("who.id").is_null(),
        pl.col("@stream") == "a",
        pl.col("@type").str.contains("ed") & (pl.col("@version").is_null() | (pl.col("@position") > 2)),
    ]
)
"""Conditions that can be computed for members of all kinds."""


@st.composite
def _plain_rules(draw: st.DrawFn, name: str, op: str, members: dict[str, str]) -> Rule:
    events = draw(_EVENTS) if op in ("flag", "states") else draw(_EVENTS | _EVENTS | _EVENTS | st.just(()))
    if op == "flag":
        off = tuple(kind for kind in draw(_EVENTS) if kind not in events)
        return Rule(name=name, op="flag", on=events, off=off)
    if op == "states":
        return Rule(name=name, op="states", initial="new", transitions=_ARROWS)
    if op == "reduce":
        return _reduce(name, events, draw(st.sampled_from(sorted(REDUCERS))))
    if op == "count":
        return Rule(name=name, op="count", events=events)
    if op == "moment":
        return Rule(name=name, op=draw(st.sampled_from(["latest", "first"])), events=events)
    if op == "extremes":
        op = draw(st.sampled_from(["smallest", "largest"]))
    return draw(_member_rules(name, op, events, members))


@st.composite
def _member_rules(draw: st.DrawFn, name: str, op: Any, events: tuple[str, ...], members: dict[str, str]) -> Rule:
    summable = [path for path, kind in members.items() if kind in (*NUMBERS, DIRTY)]
    if op in ("total", "mean") and not summable:
        return Rule(name=name, op="count", events=events)
    of = draw(st.sampled_from(summable if op in ("total", "mean") else sorted(members)))
    exact = members[of] == "small" and draw(st.booleans())
    dtype = draw(st.sampled_from([pl.Decimal(18, 2), pl.Float64(), pl.Int32()])) if exact else None
    rounding: Any = None
    if members[of] == DIRTY:
        dtype = draw(_REQUESTED)
        rounding = draw(_ROUNDINGS) if dtype is not None else None
    others = [path for path in (summable if op in ("total", "mean") else members) if members[path] == members[of]]
    form = draw(_FORMS)
    paths: Any = of if form == "path" else [of, draw(st.sampled_from(others))]
    if form == "per type" and events:
        paths = {events[0]: paths} | {event: draw(st.sampled_from(others)) for event in events[2:]}
    if op in ("total", "mean") or dtype is not None or form != "envelope":
        return Rule(name=name, op=op, events=events, of=paths, dtype=dtype, rounding=rounding)
    return Rule(name=name, op=op, events=events, of=draw(_ENVELOPE))


def _counted(state: Any, event: Any) -> Any:
    return state + len(event.data)


def _story_of(state: Any, event: Any) -> Any:
    return f"{state}{event.type[0]}{event.data.get('n')}"


def _last_entity(state: Any, event: Any) -> Any:
    return None if event.type == "Closed" else event.entity


REDUCERS = {
    "counted": (_counted, 0, pl.Int64()),
    "story": (_story_of, "", None),
    "entity": (_last_entity, None, pl.String()),
}


def _reduce(name: str, events: tuple[str, ...], kind: str) -> Rule:
    function, initial, dtype = REDUCERS[kind]
    return Rule(name=name, op="reduce", events=events, function=function, initial=initial, dtype=dtype)


@st.composite
def _expressions(draw: st.DrawFn, rules: list[Rule]) -> pl.Expr:
    """Return a row-wise expression over some fields; it may divide by zero."""
    column = pl.col(draw(st.sampled_from(rules)).name)
    counts = [rule.name for rule in rules if rule.op in ("count", "total", "mean")]
    choices = [
        column.is_null(),
        pl.when(column.is_not_null()).then(pl.lit("here")),
        pl.struct(column).is_not_null(),
    ]
    if counts:
        number = pl.col(draw(st.sampled_from(counts)))
        choices += [
            number.cast(pl.Float64) / number.cast(pl.Float64),
            number * 2,
            pl.when(number > 2).then(number),
        ]
    return draw(st.sampled_from(choices))
