r"""Payload members as typed columns: a column per kind of value.

Six payloads, of which a plan reads the member ``a``::

    payload       {"a":1}   {"a":2.5}   {"a":"x"}   {"a":null}   {}     {"a":{"k":1}}

    a|int         1         ·           ·           ·            ·      ·
    a|float       ·         2.5         ·           ·            ·      ·
    a|text        ·         ·           x           ·            ·      ·
    a|json        ·         ·           ·           ·            ·      {"k":1}
    a|null        ·         ·           ·           true         ·      ·

Parts of a log are decoded at different times, and which dtype holds all values of ``a`` depends on the question:
on the events that it may see. With a column per kind, parts can be put together in any order with the same result,
and decoding an event never depends on other events. `eventsource.decode.values` makes one column of them. These
are the columns that `decode_events` returns:

================ ======== ===========================================================================
column           dtype    meaning
================ ======== ===========================================================================
entity           String   the entity that the event belongs to
at               Datetime the moment of the event: ``occurred_at``, or ``settled_at``
version          Int64    null for types that have a key: only versions within the entity's own stream count in
                          the fold order; there is no column where no event has one
position         Int64    place in the log
event_id         String
type             Enum     over the plan's types; Categorical where a field is of all types
recorded_at      Datetime when the event was recorded
data             String   the whole payload, only for the types that a ``reduce`` reads
``path|kind``    …        a member's values of one kind, see `eventsource.decode._kinds`
``path|null``    Boolean  true where the member is an explicit null; only where there is one
``where|…``      …        whether events meet a condition; see `eventsource.decode.conditions`
``=|key``        String   the key of an event whose key is an array or object; only where there is one
================ ======== ===========================================================================
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import polars as pl

from eventsource.decode._kinds import BAD_KEY, KINDS, NULL, VALUE
from eventsource.decode._type_decoder import TypeDecoder
from eventsource.decode.conditions import MET, SEEN
from eventsource.decode.members import Members
from eventsource.event import TIMESTAMP

__all__ = [
    "ColumnFacts",
    "column_facts",
    "decode_events",
    "entity_ids",
    "join_facts",
    "kind_columns",
    "non_empty_columns",
    "nothing_decoded",
]


def decode_events(events: pl.DataFrame, members: Members, decoders: Mapping[str, TypeDecoder]) -> pl.DataFrame:
    """Decode events into the columns above, in no particular order.

    Events without an entity (their key is absent or null) are left out. One whose key is an array or object comes
    under the entity that its stream names, with the key in the column ``=|key``.

    Args:
        events: envelopes (`eventsource.event.STORED`) of the plan's types, and ``at``.
        members: what to decode.
        decoders: `Members.decoders`, made once for many calls.

    """
    types = members.type_dtype
    decoded = [
        _typed(decoders[of_type["type"][0]].decode(of_type), types) for of_type in events.partition_by("type")
    ]
    nothing = pl.DataFrame(schema=_envelope(types, with_payload=members.with_payload))
    return pl.concat([nothing, *decoded], how="diagonal")


def _typed(decoded: pl.DataFrame, types: pl.DataType) -> pl.DataFrame:
    return decoded.replace_column(decoded.get_column_index("type"), decoded["type"].cast(types))


def nothing_decoded(members: Members) -> pl.DataFrame:
    """Return a frame of no decoded events."""
    nothing = pl.DataFrame(schema={"type": pl.String(), "at": TIMESTAMP})
    return decode_events(nothing, members, {})


def kind_columns(names: Iterable[str], members: Members) -> dict[str, pl.DataType]:
    """Return those names that are columns of kinds, of nulls, of keys or of conditions, with their dtypes."""
    marks = dict.fromkeys((NULL, MET, SEEN), pl.Boolean())
    fixed = {**KINDS, **marks, BAD_KEY.partition("|")[2]: pl.String()}
    asked = {f"{part.column}|{VALUE}": part.dtype for part in members.stored if part.dtype is not None}
    return {name: asked.get(name) or fixed[name.rpartition("|")[2]] for name in names if name.startswith("=")}


def non_empty_columns(decoded: pl.LazyFrame, names: Sequence[str]) -> list[str]:
    """Return those columns of kinds and of nulls that hold a value in some row.

    Events that a question does not see must not decide its dtypes.
    """
    here = [name for name in names if name in decoded.collect_schema()]
    if not here:
        return []
    # Polars makes another expression of `is_not_null().any()`, which is true of some columns without rows.
    has_value = [_has_value(name).sum().alias(name) for name in here]
    found = decoded.select(has_value).collect().row(0)
    return [name for name, some in zip(here, found, strict=True) if some]


class ColumnFacts(NamedTuple):
    """What an index knows of a column of kinds without reading it.

    Args:
        first: the earliest ``at`` of an event with a value in it, in microseconds since 1970.
        top: the largest absolute value; infinite where it has more than 64 bits, 0 where it has no numbers.
    """

    first: int
    top: float

    def join(self, other: "ColumnFacts") -> "ColumnFacts":
        """Return what is known of the rows of both."""
        return ColumnFacts(min(self.first, other.first), max(self.top, other.top))


def column_facts(decoded: pl.DataFrame) -> dict[str, ColumnFacts]:
    """Return the facts of each column of kinds, nulls or keys that has a value in some decoded events."""
    names = [name for name in decoded.columns if name.startswith("=")]
    if not names or not decoded.height:
        return {}
    at = pl.col("at").to_physical()
    firsts = decoded.select(at.filter(_has_value(name)).min().alias(name) for name in names).row(0, named=True)
    tops = decoded.select(_top(pl.col(name), decoded.schema[name]).alias(name) for name in names).row(
        0, named=True
    )
    found = {name: ColumnFacts(first, tops[name] or 0.0) for name, first in firsts.items() if first is not None}
    return {name: facts._replace(top=math.inf) if _is_beyond(name) else facts for name, facts in found.items()}


def join_facts(a: Mapping[str, ColumnFacts], b: Mapping[str, ColumnFacts]) -> dict[str, ColumnFacts]:
    """Return the facts of the columns of two sets of events together."""
    return {**a, **{name: facts.join(a[name]) if name in a else facts for name, facts in b.items()}}


def _is_beyond(name: str) -> bool:
    """Return whether a column has integers beyond 64 bits, as texts."""
    return name.rpartition("|")[2] in ("big", "huge")


def _has_value(name: str) -> pl.Expr:
    return pl.col(name) if name.endswith(f"|{NULL}") else pl.col(name).is_not_null()


def _top(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if not dtype.is_numeric():
        return pl.lit(0.0)
    return pl.max_horizontal(column.min().cast(pl.Float64).abs(), column.max().cast(pl.Float64).abs())


def entity_ids(events: pl.DataFrame, key: str | None) -> pl.Series:
    """Return the entity of each event, by the rule of the fold; null: it belongs to none.

    Args:
        events: envelopes of one event type.
        key: the dotted path of the member that names the entity; None: the stream does. Where it is an array or
            object, the stream does too.
    """
    if not events.height:
        return pl.Series("entity", [], pl.String())
    return TypeDecoder(key, {}, with_payload=False).entities(events)


def _envelope(types: pl.DataType, *, with_payload: bool) -> dict[str, pl.DataType]:
    envelope: dict[str, pl.DataType] = {
        "entity": pl.String(),
        "at": TIMESTAMP,
        "position": pl.Int64(),
        "event_id": pl.String(),
        "type": types,
        "recorded_at": TIMESTAMP,
    }
    return envelope | {"data": pl.String()} if with_payload else envelope
