"""What a question sees of payload members: the kinds of their values, which decide the dtypes of fields."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

import polars as pl
from msgspec import Struct
from msgspec.structs import replace

from eventsource.decode import Members
from eventsource.errors import NumberTextWarning
from eventsource.fold import Bounds, Held, shows_numbers_as_texts, static_dtypes
from eventsource.messages import warn
from eventsource.plan import Rule

__all__ = ["Seen", "look"]


class Seen(Struct, frozen=True):
    """What a question sees of payload members.

    Args:
        columns: the columns of kinds that any of its events has, with their dtypes.
        dtypes: field → the dtype in which its values are shown, for the fields that read a member.
        undecided: the fields whose values decided their dtype, not the names of columns alone.
        bounds: what sums of the members cannot exceed.
        until: the last moment of the question; None: it has none.
    """

    columns: Mapping[str, pl.DataType]
    dtypes: Mapping[str, pl.DataType]
    undecided: tuple[str, ...]
    bounds: Bounds
    until: datetime | None


def look(
    columns: Mapping[str, pl.DataType],
    bounds: Bounds,
    members: Members,
    until: datetime | None,
    held_in_parts: Callable[[Seen, Sequence[Rule]], Iterable[Mapping[str, Held]]],
) -> Seen:
    """Return what a question sees, and warn of numbers that it shows as texts.

    Args:
        columns: the columns of kinds that any of its events has, with their dtypes.
        bounds: what sums of the members cannot exceed.
        members: the members.
        until: the last moment of the question.
        held_in_parts: (what is known, fields) → what the fields hold in each part of the events. It is called only
            where the columns alone do not decide the dtype of a field.
    """
    reading = [rule for rule in members.plan.rules if rule.of is not None]
    static = static_dtypes(reading, members, columns, bounds)
    known = {name: dtype for name, dtype in static.items() if dtype is not None}
    undecided = [rule for rule in reading if rule.name not in known]
    seen = Seen(columns, known, tuple(rule.name for rule in undecided), bounds, until)
    held: dict[str, Held] = {}
    for part in held_in_parts(seen, undecided) if undecided else ():
        held = {name: mine.join(held[name]) if name in held else mine for name, mine in part.items()}
    _warn_of_texts(rule for rule in reading if shows_numbers_as_texts(rule, members, columns, held.get(rule.name)))
    return replace(seen, dtypes={**known, **{name: each.dtype for name, each in held.items()}})


def _warn_of_texts(rules: Iterable[Rule]) -> None:
    """Say that numbers are shown as texts."""
    names = ", ".join(f"{rule.of_text} (field {rule.name!r})" for rule in rules)
    if names:
        warn(
            f"no numeric dtype holds all numbers of {names} exactly: they are shown as JSON texts",
            NumberTextWarning,
        )
