"""What a field holds, where its values decide its dtype.

For most fields the names of columns decide it, see `eventsource.fold._value_dtypes`. In two cases all values of
the field are read: numbers, whose size decides which dtype holds all of them; and operations that compare values
(``smallest``, ``distinct``), where a member has numbers, texts and booleans in different entities.
"""

import json
from collections.abc import Collection, Iterable
from typing import Final

import polars as pl
from msgspec import Struct
from msgspec.structs import replace

from eventsource.decode import GROUPS, NUMBERS, Digits, Members, dtype_of_kinds, json_of, kinds_of
from eventsource.fold._field_histories import FieldHistories
from eventsource.fold._value_dtypes import accepted_kinds
from eventsource.fold.engine import Events
from eventsource.operations import Rule, all_totals

__all__ = ["Held", "held_values", "shows_numbers_as_texts"]

_UNDECIDED: Final = pl.String()
"""The dtype in which values are read as long as none is decided: it shows all of them."""
_OF_TOTALS: Final = frozenset({"float", "long"})
"""Kinds that decide no dtype: that of totals depends on the sums."""


class Held(Struct, frozen=True):
    """What a field holds in some entities, as far as it decides a dtype.

    Args:
        kinds: the kinds of its values.
        digits: the digits of its numbers, where their kinds alone do not decide the dtype.
    """

    kinds: frozenset[str]
    digits: Digits

    def join(self, other: "Held") -> "Held":
        """Return what the field holds in the entities of both."""
        return Held(self.kinds | other.kinds, self.digits.join(other.digits))

    @property
    def dtype(self) -> pl.DataType:
        """The dtype that shows all of it."""
        return dtype_of_kinds(self.kinds) or self.digits.dtype


def held_values(events: Events, rules: Iterable[Rule]) -> dict[str, Held]:
    """Return field → what it holds in some events, up to the moment of the question.

    Args:
        events: the events.
        rules: the fields whose dtype the names of columns do not decide.
    """
    chosen = list(rules)
    undecided = {**events.dtypes, **{rule.name: _UNDECIDED for rule in chosen}}
    histories = FieldHistories(replace(events, dtypes=undecided), chosen, events.moment)
    return {rule.name: _held(rule, histories, events) for rule in chosen}


def shows_numbers_as_texts(rule: Rule, members: Members, seen: Collection[str], held: Held | None) -> bool:
    """Return whether a field shows numbers alone as texts, because no numeric dtype holds all of them.

    Args:
        rule: a field that reads a member.
        members: the members.
        seen: the columns of kinds that any event of the question has.
        held: what the field holds, where the names of columns do not decide its dtype.
    """
    member = members.of(rule)
    if member.dtype is not None or (held is None and rule.operation.folds == "numbers"):
        return False
    kinds = held or Held(frozenset(accepted_kinds(rule, kinds_of(member, seen))), Digits())
    return bool(kinds.kinds) and kinds.kinds <= set(NUMBERS) and kinds.dtype == pl.String()


def _held(rule: Rule, histories: FieldHistories, events: Events) -> Held:
    member = events.members.of(rule)
    kinds = accepted_kinds(rule, kinds_of(member, events.columns))
    if rule.operation.folds == "numbers":
        return Held(_OF_TOTALS, Digits.of(all_totals(rule, histories.events_of(rule))))
    if rule.operation.folds == "order" and len({GROUPS[kind] for kind in kinds}) > 1:
        groups = histories.groups_held(rule)
        kinds = tuple(kind for kind in kinds if GROUPS[kind] in groups)
    if dtype_of_kinds(kinds) is not None:
        return Held(frozenset(kinds), Digits())
    _, texts = histories.rows_of(rule, json_of(member, kinds, events.columns))
    return Held(frozenset(kinds), Digits.of(json.loads(text) for text in texts.unique()))
