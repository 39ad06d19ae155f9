"""Random plans for the laws, whose rules fit the members of a log."""

from collections.abc import Sequence
from typing import Any

import polars as pl
from hypothesis import strategies as st

from eventsource.plan import Plan, Rule, Transition
from tests.conformance.choices import Choices, choices
from tests.conformance.random_logs import DIRTY, GONE, NUMBERS, TYPES

__all__ = ["plans"]

_REQUESTED = (
    None,
    None,
    None,
    pl.Decimal(18, 2),
    pl.Decimal(4, 1),
    pl.Int64(),
    pl.Int8(),
    pl.Float64(),
    pl.Float32(),
)
_ROUNDINGS: tuple[Any, ...] = (None, "half_even", "half_up", "down")

_OPS = ("latest", "first", "moment", "flag", "count", "total", "mean", "extremes", "distinct", "states")
_HALF = (False, True)
_KEYS: tuple[dict[str, str], ...] = ({}, {"Moved": "who.id"}, {"Moved": "who.id", "Paid": "who.id"})
_ORDERS = ("occurred_at", "recorded_at")
_OF_PLAN = choices(8)
_OF_FIELD = choices(24)
_FIELDS = st.lists(_OF_FIELD, min_size=1, max_size=4)


@st.composite
def plans(draw: st.DrawFn, members: dict[str, str], *, python: bool = True, order: str | None = None) -> Plan:
    """Return a plan whose rules fit the members of a log.

    Args:
        draw: hypothesis' own.
        members: path → kind.
        python: whether there may be ``reduce`` and ``derive``.
        order: the fold order; None: any.
    """
    choose, ops = draw(_OF_PLAN), (*_OPS, "reduce") if python else _OPS
    rules = [_rule(of_field, f"f{number}", ops, members) for number, of_field in enumerate(draw(_FIELDS))]
    created, deleted = choose.one_of(_SPANS)
    keys, drawn_order = choose.one_of(_KEYS), choose.one_of(_ORDERS)
    if python and choose.one_of(_HALF):
        rules.append(Rule(name="derived", op="derive", expression=_expression(choose, rules)))
    return Plan(
        name="Random",
        rules=tuple(rules),
        created=created,
        deleted=deleted,
        order=order or drawn_order,  # type: ignore[arg-type]  # one of the two
        key={GONE: "gone"} | keys,
    )


_SPANS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    ((), ()),
    (("Opened",), ()),
    (("Opened",), ("Closed",)),
    ((), ("Closed",)),
    (("Opened", "Paid"), ("Moved",)),
)
_ARROWS = (
    Transition(("new", "old"), "Changed", "mid"),
    Transition(("mid",), "Paid", "old"),
    Transition(("mid",), "Changed", "new"),
    Transition(("new",), "Closed", "old"),
)


_FORMS = ("path", "path", "path", "alternatives", "per type", "envelope")
"""What a field reads: one path, alternatives, a path for some of its types, or the envelope."""

_ENVELOPE: tuple[Any, ...] = (
    "@type",
    "@stream",
    "@recorded_at",
    "@version",
    "@position",
    ["@version", "@type"],
)

_CONDITIONS = (
    pl.col("n").is_not_null(),
    pl.col("v").cast(pl.String).is_in(["x", "true", "9"]),
    (pl.col("in.side").cast(pl.String) != "x") | pl.col("who.id").is_null(),
    pl.col("@stream") == "a",
    pl.col("@type").str.contains("ed") & (pl.col("@version").is_null() | (pl.col("@position") > 2)),
)
"""Conditions that can be computed for members of all kinds."""


def _rule(choose: Choices, name: str, ops: Sequence[str], members: dict[str, str]) -> Rule:
    op = choose.one_of(ops)
    where = choose.one_of(_CONDITIONS) if choose.one_of(range(4)) == 1 else None
    arguments = _arguments(choose, op, members)
    return Rule(**{"op": op, **arguments, "name": name, "where": where})


def _some_types(choose: Choices) -> tuple[str, ...]:
    return tuple(choose.some_of(TYPES, 3))


def _arguments(choose: Choices, op: str, members: dict[str, str]) -> dict[str, Any]:
    """Return the arguments of a rule; they may name another operation."""
    has_types = op in ("flag", "states") or choose.one_of(range(4)) < 3
    events = _some_types(choose) if has_types else ()
    if op == "flag":
        return {"on": events, "off": tuple(kind for kind in _some_types(choose) if kind not in events)}
    if op == "states":
        return {"initial": "new", "transitions": _ARROWS}
    if op == "reduce":
        function, initial, dtype = REDUCERS[choose.one_of(sorted(REDUCERS))]
        return {"events": events, "function": function, "initial": initial, "dtype": dtype}
    if op == "count":
        return {"events": events}
    if op == "moment":
        return {"op": choose.one_of(("latest", "first")), "events": events}
    if op == "extremes":
        op = choose.one_of(("smallest", "largest"))
    return _member_arguments(choose, op, events, members)


def _member_arguments(
    choose: Choices, op: str, events: tuple[str, ...], members: dict[str, str]
) -> dict[str, Any]:
    is_sum = op in ("total", "mean")
    readable = [path for path, kind in members.items() if not is_sum or kind in (*NUMBERS, DIRTY)]
    if not readable:
        return {"op": "count", "events": events}
    of = choose.one_of(readable)
    dtype: pl.DataType | None = None
    rounding: Any = None
    if members[of] == DIRTY:
        dtype = choose.one_of(_REQUESTED)
        rounding = choose.one_of(_ROUNDINGS) if dtype is not None else None
    elif members[of] == "small" and choose.one_of(_HALF):
        dtype = choose.one_of((pl.Decimal(18, 2), pl.Float64(), pl.Int32()))
    others = [path for path in readable if members[path] == members[of]]
    form = choose.one_of(_FORMS)
    paths: Any = of if form == "path" else [of, choose.one_of(others)]
    if form == "per type" and events:
        paths = {events[0]: paths} | {event: choose.one_of(others) for event in events[2:]}
    if form == "envelope" and dtype is None and not is_sum:
        paths = choose.one_of(_ENVELOPE)
    return {"op": op, "events": events, "of": paths, "dtype": dtype, "rounding": rounding}


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


def _expression(choose: Choices, rules: list[Rule]) -> pl.Expr:
    """Return a row-wise expression over some fields; it may divide by zero."""
    column = pl.col(choose.one_of(rules).name)
    counts = [rule.name for rule in rules if rule.op in ("count", "total", "mean")]
    found = [
        column.is_null(),
        pl.when(column.is_not_null()).then(pl.lit("here")),
        pl.struct(column).is_not_null(),
    ]
    if counts:
        number = pl.col(choose.one_of(counts))
        found += [
            number.cast(pl.Float64) / number.cast(pl.Float64),
            number * 2,
            pl.when(number > 2).then(number),
        ]
    return choose.one_of(found)
