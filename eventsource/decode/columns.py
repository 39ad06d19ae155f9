r"""Payload members as typed columns: a column per kind of value first, one column per member at last.

Six payloads, of which a plan reads the member ``a``::

    payload       {"a":1}   {"a":2.5}   {"a":"x"}   {"a":null}   {}     {"a":{"k":1}}

    a|int         1         ·           ·           ·            ·      ·                 decode_events:
    a|float       ·         2.5         ·           ·            ·      ·                 a column per kind
    a|text        ·         ·           x           ·            ·      {"k":1}
    a|null        ·         ·           ·           true         ·      ·

    a             "1"       "2.5"       "x"         null         null   "{\"k\":1}"       unify_kinds: one column

Why two steps: parts of a log are decoded at different times, and whether ``a`` is an integer or a text is known
only when all of them are. With a column per kind, parts can be put together in any order with the same result, and
decoding an event never depends on other events. These are the columns that `decode_events` returns:

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
``path|kind``    …        a member's values of one kind: ``bool``, ``int``, ``float``, ``text`` or ``time``
``path|null``    Boolean  true where the member is an explicit null; only where there is one
``where|…``      …        whether events meet a condition; see `eventsource.decode.conditions`
================ ======== ===========================================================================

The rule for dtypes: booleans alone are Boolean, integers alone Int64, integers and floats Float64, times of the
envelope alone Datetime. Everything else is String: texts, objects and arrays, integers beyond 64 bits, and all
other mixtures. In a String column a text is kept as it is, and every other value becomes its JSON text. A dtype
that the model asks for wins, if every value can be cast to it.
"""

from collections.abc import Container, Iterable, Mapping, Sequence

import polars as pl

from eventsource.decode._kinds import KINDS, NULL, WRITERS, widened
from eventsource.decode._type_decoder import TypeDecoder
from eventsource.decode.conditions import MET, SEEN, UNFIT
from eventsource.decode.members import Member, Members
from eventsource.errors import FoldError
from eventsource.event import TIMESTAMP
from eventsource.moment import parse_times

__all__ = ["decode_events", "entity_ids", "kind_columns", "no_events", "non_empty_columns", "unify_kinds"]


def decode_events(events: pl.DataFrame, members: Members, decoders: Mapping[str, TypeDecoder]) -> pl.DataFrame:
    """Decode events into the columns above, in no particular order.

    Events without an entity (their key is absent or null) are left out.

    Args:
        events: envelopes (`eventsource.event.STORED`) of the plan's types, and ``at``.
        members: what to decode.
        decoders: `Members.decoders`, made once for many calls.

    Raises:
        FoldError: a key is an object or an array, a payload cannot be decoded, or a value is not the decimal that
            the model asks for.
    """
    types = members.type_dtype
    decoded = [
        decoders[of_type["type"][0]].decode(of_type).with_columns(pl.col("type").cast(types))
        for of_type in events.partition_by("type")
    ]
    nothing = pl.DataFrame(schema=_envelope(types, with_payload=members.with_payload))
    return pl.concat([nothing, *decoded], how="diagonal")


def no_events(members: Members) -> pl.DataFrame:
    """Return a frame of no decoded events."""
    nothing = pl.DataFrame(schema={"type": pl.String(), "at": TIMESTAMP})
    return decode_events(nothing, members, {})


def unify_kinds(decoded: pl.LazyFrame, members: Members, columns: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    """Replace the columns per kind by one column per member, of the dtype that the rule above gives.

    Args:
        decoded: decoded events, all that a question sees or some of them.
        members: the members.
        columns: the columns per kind that *any* event of the question has, with their dtypes; see `kind_columns`.
            They decide the dtypes, whichever of them ``decoded`` has.

    Raises:
        FoldError: the dtype that the model asks for cannot hold a value (when the frame is collected).
    """
    names = decoded.collect_schema().names()
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in columns.items() if name not in names]
    envelope = [name for name in names if not name.startswith("=")]
    unified = [_unified(member, columns) for member in members.all]
    met = [pl.col(name) for name in columns if name.endswith(f"|{MET}")]
    nulls = [_null_mark(member, marks) for member in members.all if (marks := member.stored(NULL, columns))]
    filled = decoded.with_columns(absent) if absent else decoded
    return filled.select(*envelope, *unified, *nulls, *met)


def kind_columns(names: Iterable[str]) -> dict[str, pl.DataType]:
    """Return those names that are columns of kinds or of nulls, with their dtypes."""
    kinds = {**KINDS, **dict.fromkeys((NULL, MET, SEEN), pl.Boolean()), UNFIT: pl.String()}
    return {name: kinds[name.rpartition("|")[2]] for name in names if name.startswith("=")}


def non_empty_columns(decoded: pl.LazyFrame, names: Sequence[str]) -> list[str]:
    """Return those columns of kinds and of nulls that hold a value in some row.

    A question that leaves out events must get the dtypes that the other events have by themselves.
    """
    here = [name for name in names if name in decoded.collect_schema()]
    if not here:
        return []
    has_value = [pl.col(n).any() if n.endswith(f"|{NULL}") else pl.col(n).is_not_null().any() for n in here]
    found = decoded.select(has_value).collect().row(0)
    return [name for name, some in zip(here, found, strict=True) if some]


def entity_ids(events: pl.DataFrame, key: str | None) -> pl.Series:
    """Return the entity of each event, by the rule of the fold; null: it belongs to none.

    Args:
        events: envelopes of one event type.
        key: the dotted path of the member that names the entity; None: the stream does.

    Raises:
        FoldError: a key is an object or an array.
    """
    if not events.height:
        return pl.Series("entity", [], pl.String())
    return TypeDecoder(events["type"][0], key, {}, with_payload=False).entities(events)


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


def _unified(member: Member, names: Container[str]) -> pl.Expr:
    columns = [(pl.col(column), kind) for kind in KINDS for column in member.stored(kind, names)]
    if not columns:
        return pl.lit(None, member.dtype or pl.Null()).alias(member.column)
    kinds = list(dict.fromkeys(kind for _, kind in columns))
    if member.dtype is None:
        values = [widened(column, kind, kinds) for column, kind in columns]
    else:
        values = [_requested(column, kind, member, member.dtype) for column, kind in columns]
    return (values[0] if len(values) == 1 else pl.coalesce(values)).alias(member.column)


def _null_mark(member: Member, marks: Sequence[str]) -> pl.Expr:
    found = pl.col(marks[0]) if len(marks) == 1 else pl.any_horizontal(pl.col(mark) for mark in marks)
    return found.alias(member.null)


def _requested(column: pl.Expr, kind: str, member: Member, dtype: pl.DataType) -> pl.Expr:
    """Return values of one kind in the dtype that the model asks for."""

    def cast(values: pl.Series) -> pl.Series:
        found = _cast(values, kind, dtype)
        if found.null_count() > values.null_count():
            bad = values.filter(found.is_null() & values.is_not_null())[0]
            raise FoldError(
                f"expected {dtype} in {member.text}, got {bad!r}",
                hint="correct dtype= in the model, or leave it out",
            )
        return found

    return column.map_batches(cast, return_dtype=dtype)


def _cast(values: pl.Series, kind: str, dtype: pl.DataType) -> pl.Series:
    """Cast values to a dtype; null where it cannot hold a value exactly. Texts may hold dates and times."""
    if kind == "text" and isinstance(dtype, pl.Datetime):
        return parse_times(values).cast(dtype)
    if kind == "text" and dtype == pl.Date():
        return values.str.to_date("%Y-%m-%d", strict=False)
    if kind == "text" and dtype == pl.Time():
        return values.str.to_time("%H:%M:%S%.f", strict=False)
    if kind == "text" and dtype == pl.Boolean():
        return values.replace_strict({"true": True, "false": False}, default=None, return_dtype=dtype)
    if kind in WRITERS and dtype == pl.String():
        return WRITERS[kind](values)
    found = values.cast(dtype, strict=False)
    loses_fraction = kind == "float" and dtype.is_integer()
    return found.set((found.cast(pl.Float64) != values).fill_null(value=False), None) if loses_fraction else found
