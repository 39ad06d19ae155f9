"""Tracks: a field's value after each event that touches it.

Most events touch few fields, so a track is short; and every question is a lookup in it. The state of an entity
after some row is the last touch up to that row, if it is not before the entity's first row. A fold to one moment,
to a moment per row and a whole history differ only in the rows that they look up.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from eventsource.decode import Integers, Selection, expand_ranges
from eventsource.fold._columns import refusal
from eventsource.fold._effects import Effect, Effects
from eventsource.fold._stepwise import STEPWISE, stepwise
from eventsource.fold._track import Touched, Track
from eventsource.fold.engine import EXISTS, Events
from eventsource.fold.exact import RunningSums, exact_scale
from eventsource.plan import Rule

__all__ = ["Tracks"]

_REDUCED: Final = ("at", "position", "event_id", "data")
"""What a ``reduce`` sees of an event, beside its type."""
_FEW: Final = 4


class Tracks(Mapping[str, Track]):
    """The tracks of fields, and of existence under the name `EXISTS`, on given events.

    Args:
        events: the events.
        rules: which fields; ``derive`` has no track.
        moment: only events up to this moment (inclusive) touch anything.

    Raises:
        FoldError: a total over what cannot be summed, values that cannot have the dtype asked for, a
            ``reduce`` function that failed.
    """

    def __init__(self, events: Events, rules: Iterable[Rule], moment: datetime | None = None) -> None:
        self.clustered = events.clustered
        effects = Effects(events)
        self._rules = {rule.name: rule for rule in rules if rule.op != "derive"}
        self._effects = {EXISTS: effects.exists()} | {n: effects.of(rule) for n, rule in self._rules.items()}
        self._moment, self._kinds = moment, events.members.plan.types
        self._columns = self._loaded()
        self._of_types: dict[frozenset[str], tuple[Selection, Touched]] = {}
        self._made: dict[str, Track] = {}

    def __getitem__(self, name: str) -> Track:
        if name not in self._made:
            try:
                self._made[name] = self._track(name)
            except pl.exceptions.PolarsError as error:
                raise refusal(error) from error
        return self._made[name]

    def __iter__(self) -> Any:
        return iter(self._effects)

    def __len__(self) -> int:
        return len(self._effects)

    @property
    def fields(self) -> list[str]:
        """The fields that have a track."""
        return list(self._rules)

    def sums(self, name: str, exponent: int) -> pl.Series | None:
        """Return per entity the exact sum of what a total adds: integers, or decimals.

        Floats are taken as multiples of ``2**-exponent``; None: some are not, or the sums could exceed 128 bits.
        """
        try:
            return self._sums(name, exponent)
        except pl.exceptions.PolarsError as error:
            raise refusal(error) from error

    def _sums(self, name: str, exponent: int) -> pl.Series | None:
        touched, values = self._brought(self._effects[name])
        if not values.dtype.is_float():
            whole = RunningSums.of_whole(values, touched)
            units = whole.units(touched.cuts[:-1], touched.cuts[1:])
            return units if isinstance(whole.dtype, pl.Decimal) else units.cast(pl.Int128)
        scale = 2.0**exponent
        near = RunningSums.of_floats(values, touched.longest, scale) if exact_scale(values) >= scale else None
        return None if near is None else near.units(touched.cuts[:-1], touched.cuts[1:])

    def _loaded(self) -> pl.DataFrame:
        """Read, once, all columns that the effects need, as they are stored."""
        wanted = {"type", *(effect.value for effect in self._effects.values())}
        wanted |= {effect.null for effect in self._effects.values() if effect.null}
        if any(rule.op == "reduce" for rule in self._rules.values()):
            wanted |= set(_REDUCED)
        if self._moment is not None:
            wanted.add("at")
        try:
            return self.clustered.columns.select(sorted(wanted)).collect()
        except pl.exceptions.PolarsError as error:
            raise refusal(error) from error

    @cached_property
    def _codes(self) -> Any:
        return self._columns["type"].to_physical().to_numpy()

    @cached_property
    def _spare(self) -> npt.NDArray[np.bool_]:
        """Memory for a mask, used again and again: fresh memory costs more than what is done in it."""
        return np.empty(len(self._codes), bool)

    @cached_property
    def _live(self) -> Any:
        """Whether a row counts; None: all do."""
        if self._moment is None:
            return None
        return (self._columns["at"] <= self._moment).to_numpy()

    def _touched(self, types: frozenset[str]) -> tuple[Selection, Touched]:
        """Return the rows of some types of events; once for all fields they touch."""
        if types not in self._of_types:
            mask = self._mask([number for number, name in enumerate(self._kinds) if name in types])
            selected = self.clustered.select(mask)
            self._of_types[types] = selected, Touched(selected.in_order, self.clustered.starts)
        return self._of_types[types]

    def _mask(self, numbers: list[int]) -> npt.NDArray[np.bool_]:
        mask: npt.NDArray[np.bool_]
        if len(numbers) > _FEW:
            mask = np.isin(np.arange(len(self._kinds)), numbers)[self._codes]
        else:
            mask = np.zeros(len(self._codes), bool)
            for number in numbers:
                mask |= np.equal(self._codes, number, out=self._spare)
        if self._live is not None:
            mask &= self._live
        return mask

    def _brought(self, effect: Effect) -> tuple[Touched, pl.Series]:
        """Return the rows that touch a field, and the values that they bring."""
        selected, touched = self._touched(effect.types)
        values = selected.values(self._columns[effect.value])
        if not values.null_count():
            return touched, values
        here = values.is_not_null()
        if effect.null is not None:
            here |= selected.values(self._columns[effect.null]).fill_null(value=False)
        return touched.where(here), values.filter(here)

    def _track(self, name: str) -> Track:
        effect = self._effects[name]
        if name == EXISTS or self._rules[name].op == "flag":
            return self._flag(effect)
        rule = self._rules[name]
        if rule.op == "count":
            return _count(self._touched(effect.types)[1])
        if rule.op in STEPWISE:
            return self._stepwise(rule, *self._touched(effect.types))
        return _TRACKS[rule.op](*self._brought(effect))

    def _flag(self, effect: Effect) -> Track:
        selected, touched = self._touched(effect.types)
        if effect.types == effect.on:
            return Track(
                touched, lambda _, last: pl.repeat(value=True, n=len(last), eager=True), pl.Series([False])
            )
        table = np.array([name in effect.on for name in self._kinds])
        values = table[selected.values(self._columns["type"]).to_physical().to_numpy()]
        return Track(touched, lambda _, last: pl.Series(values[last]), pl.Series([False]))

    def _stepwise(self, rule: Rule, selected: Selection, touched: Touched) -> Track:
        """Return the track of a field whose every value needs the one before."""
        names = ("type", *(_REDUCED if rule.op == "reduce" else ()))
        events = pl.DataFrame([selected.values(self._columns[name]) for name in names])
        events = events.with_columns(owner=touched.owners)
        after = stepwise(events, rule, self.clustered.entities)
        return Track(touched, lambda _, last: after(last + 1), after(np.zeros(1, np.int64)))


def _at(column: pl.Series, places: Integers) -> pl.Series:
    """Return the values at some places."""
    return column[pl.Series(places.astype(np.uint32))]  # several times as fast as gather for few places


def _latest(touched: Touched, values: pl.Series) -> Track:
    return Track(touched, lambda _, last: _at(values, last), pl.Series([None], dtype=values.dtype))


def _first(touched: Touched, values: pl.Series) -> Track:
    return Track(touched, lambda first, _: _at(values, first), pl.Series([None], dtype=values.dtype))


def _count(touched: Touched) -> Track:
    return Track(touched, lambda first, last: pl.Series(last - first + 1), pl.Series([0], dtype=pl.Int64))


def _total(touched: Touched, values: pl.Series) -> Track:
    """The difference of two running sums."""
    sums = RunningSums.of(values, touched)
    nothing = np.zeros(1, np.int64)
    return Track(touched, lambda first, last: sums.between(first, last + 1), sums.between(nothing, nothing))


def _smallest(touched: Touched, values: pl.Series) -> Track:
    return _extreme(touched, values, pl.Expr.cum_min)


def _largest(touched: Touched, values: pl.Series) -> Track:
    return _extreme(touched, values, pl.Expr.cum_max)


def _extreme(touched: Touched, values: pl.Series, so_far: Callable[[pl.Expr], pl.Expr]) -> Track:
    rows = pl.DataFrame({"value": values, "owner": touched.owners})
    after = rows.select(so_far(pl.col("value")).over("owner")).to_series() if len(values) else values
    return Track(touched, lambda _, last: _at(after, last), pl.Series([None], dtype=values.dtype))


def _distinct(touched: Touched, values: pl.Series) -> Track:
    """The values up to the last touch, sorted; a value that the entity has already touches nothing."""
    rows = pl.DataFrame({"value": values, "owner": touched.owners})
    new = rows.select(pl.col("value").is_first_distinct().over("owner")).to_series()
    values = values.filter(new)

    def pick(first: Integers, last: Integers) -> pl.Series:
        ends = np.maximum(first, last) + 1
        other = np.append(True, (first[1:] != first[:-1]) | (ends[1:] != ends[:-1]))[: len(first)]
        return _lists(values, first[other], ends[other])[np.cumsum(other) - 1]

    return Track(touched.where(new), pick, pl.Series([[]], dtype=pl.List(values.dtype)))


def _lists(values: pl.Series, begins: Integers, ends: Integers) -> pl.Series:
    """Return the values of each range, none of them empty, as a sorted list."""
    numbers = pl.Series("list", np.repeat(np.arange(len(begins)), ends - begins)).set_sorted()
    flat = pl.DataFrame([numbers, values[expand_ranges(begins, ends)].alias("value")])
    return flat.group_by("list", maintain_order=True).agg(pl.col("value").sort())["value"]


_TRACKS: Final[Mapping[str, Callable[[Touched, pl.Series], Track]]] = {
    "latest": _latest,
    "first": _first,
    "total": _total,
    "smallest": _smallest,
    "largest": _largest,
    "distinct": _distinct,
}
