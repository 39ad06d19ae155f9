"""Tracks: a field's value after each event that touches it.

Most events touch few fields, so a track is short; and every question is a lookup in it. The state of an entity
after some row is the last touch up to that row, if it is not before the entity's first row. A fold to one moment,
to a moment per row and a whole history differ only in the rows that they look up.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import polars as pl

from eventsource.fold._columns import refusal
from eventsource.fold._effects import EXISTS, Effects
from eventsource.fold._stepwise import STEPWISE, stepwise
from eventsource.fold.clustered import Touches, ranges
from eventsource.fold.engine import Events
from eventsource.fold.exact import exact_scale
from eventsource.plan import Rule

__all__ = ["Track", "Tracks"]

_Pick = Callable[[Touches, Touches], pl.Series]
_LIVE: Final = "|live"
_REDUCED: Final = ("at", "position", "event_id", "data")
"""What a ``reduce`` sees of an event, beside its type."""


@dataclass(frozen=True)
class Track:
    """What a field is after each event that touches it.

    Args:
        rows: the numbers of the rows that touch it, ascending.
        pick: (first touches, last touches) of entities → the values then, all touches numbered as in ``rows``.
        before: one value: the field before any touch.
    """

    rows: Touches
    pick: _Pick
    before: pl.Series

    def __call__(self, first: Touches, end: Touches) -> pl.Series:
        """Return the values after the touches ``first`` <= n < ``end``; where there is none, the default.

        Raises:
            FoldError: an integer total beyond 64 bits.
        """
        try:
            return self._looked_up(first, end)
        except pl.exceptions.PolarsError as error:
            raise refusal(error) from error

    def _looked_up(self, first: Touches, end: Touches) -> pl.Series:
        found = end > first
        if found.all():
            return self.pick(first, end - 1)
        if not len(self.rows):
            return self.before.new_from_index(0, len(first))
        last = len(self.rows) - 1
        picked = self.pick(np.minimum(first, last), np.clip(end - 1, 0, last))
        return picked.zip_with(pl.Series(found), self.before)

    def between(self, begins: Touches, ends: Touches) -> pl.Series:
        """Return the values after the rows ``begins`` <= row < ``ends`` of one entity each."""
        return self(np.searchsorted(self.rows, begins), np.searchsorted(self.rows, ends))

    def along(self, bounds: Touches) -> pl.Series:
        """Return the values after the rows between neighbouring bounds."""
        places = np.searchsorted(self.rows, bounds)
        return self(places[:-1], places[1:])


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
        self.clustered = events.rows
        effects = Effects(events)
        self._rules = {rule.name: rule for rule in rules if rule.op != "derive"}
        self._effects = {EXISTS: effects.exists()} | {n: effects.of(rule) for n, rule in self._rules.items()}
        self._columns = self._loaded(moment)
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

    @property
    def bounds(self) -> Touches:
        """Where entities begin, and the last one ends."""
        return self.clustered.starts

    def sums(self, name: str, exponent: int) -> pl.Series | None:
        """Return per entity the exact sum of what a total adds: integers, or decimals.

        Floats are taken as multiples of ``2**-exponent``; None: some are not, or the sums could exceed 128 bits.
        """
        rows = self[name].rows
        values = self._columns[f"{name}|value"][rows]
        dtype = values.dtype
        if dtype.is_float():
            scaled = values * 2.0**exponent
            if not ((scaled == scaled.floor()).all() and exact_scale(values) >= 2.0**exponent):
                return None
            terms = scaled.cast(pl.Int128)
        else:
            terms = values.cast(pl.Decimal(38, dtype.scale) if isinstance(dtype, pl.Decimal) else pl.Int128)
        running, places = _running(terms), np.searchsorted(rows, self.bounds)
        return running[places[1:]] - running[places[:-1]]

    def _loaded(self, moment: datetime | None) -> pl.DataFrame:
        """Read, once, all columns that the effects need."""
        wanted = [e.mask.alias(f"{name}|mask") for name, e in self._effects.items()]
        wanted += [e.value.alias(f"{name}|value") for name, e in self._effects.items()]
        if any(rule.op == "reduce" for rule in self._rules.values()):
            wanted += [pl.col(_REDUCED)]
        if moment is not None:
            wanted.append((pl.col("at") <= moment).alias(_LIVE))
        try:
            return self.clustered.frame.select(wanted).collect()
        except pl.exceptions.PolarsError as error:
            raise refusal(error) from error

    def _track(self, name: str) -> Track:
        mask = self._columns[f"{name}|mask"]
        if _LIVE in self._columns:
            mask &= self._columns[_LIVE]
        rows = np.flatnonzero(mask.to_numpy())  # several times as fast as arg_true
        if name == EXISTS:
            return _carried(rows, self._columns[f"{name}|value"], default=False)
        rule = self._rules[name]
        if rule.op in STEPWISE:
            return self._stepwise(rule, rows)
        value = self._columns[f"{name}|value"]
        if rule.op == "distinct":
            return _sets(rows, value, self._owners(rows))
        if rule.op in ("smallest", "largest"):
            return _extreme(rule.op, rows, value, self._owners(rows))
        return _TRACKS[rule.op](rows, value)

    def _stepwise(self, rule: Rule, rows: Touches) -> Track:
        """Return the track of a field whose every value needs the one before."""
        kind = self._columns[f"{rule.name}|value"].alias("type")
        columns = kind.to_frame() if rule.op == "states" else self._columns.select(*_REDUCED, kind)
        touched = columns[rows].with_columns(owner=self._owners(rows))
        after = stepwise(touched, rule, self.clustered.entities)
        return Track(rows, lambda _, last: after(last + 1), after(np.zeros(1, np.int64)))

    def _owners(self, rows: Touches) -> pl.Series:
        numbers = np.arange(len(self.clustered.entities), dtype=np.uint32)
        return pl.Series(np.repeat(numbers, np.diff(np.searchsorted(rows, self.bounds)))).set_sorted()


def _carried(rows: Touches, value: pl.Series, *, default: object = None) -> Track:
    """The value that the last touch brought."""
    return Track(rows, lambda _, last: value[rows[last]], pl.Series([default], dtype=value.dtype))


def _latest(rows: Touches, value: pl.Series) -> Track:
    return _carried(rows, value)


def _flag(rows: Touches, value: pl.Series) -> Track:
    return _carried(rows, value, default=False)


def _first(rows: Touches, value: pl.Series) -> Track:
    return Track(rows, lambda first, _: value[rows[first]], pl.Series([None], dtype=value.dtype))


def _count(rows: Touches, _: pl.Series) -> Track:
    return Track(rows, lambda first, last: pl.Series(last - first + 1), pl.Series([0], dtype=pl.Int64))


def _total(rows: Touches, value: pl.Series) -> Track:
    """The difference of two running sums."""
    terms, answer = _terms(value[rows])
    sums = _running(terms)
    return Track(rows, lambda first, last: answer(sums[last + 1] - sums[first]), answer(sums.head(1)))


def _running(terms: pl.Series) -> pl.Series:
    """Return the sums of the first 0, 1, 2, … terms."""
    return pl.concat([terms.clear(1).fill_null(0), terms.cum_sum()])


def _terms(values: pl.Series) -> tuple[pl.Series, Callable[[pl.Series], pl.Series]]:
    """Return numbers as integers or decimals whose sums are exact, and what makes a total of a sum."""
    dtype = values.dtype
    if isinstance(dtype, pl.Decimal):
        return values.cast(pl.Decimal(38, dtype.scale)), lambda sums: sums.cast(dtype)
    if dtype.is_float():
        scale = exact_scale(values)
        return (values * scale).cast(pl.Int128), lambda sums: sums.cast(pl.Float64) / scale
    return values.cast(pl.Int128), lambda sums: sums.cast(pl.Int64, strict=True)


def _extreme(op: str, rows: Touches, value: pl.Series, owners: pl.Series) -> Track:
    terms, so_far = pl.col("value"), {"smallest": pl.Expr.cum_min, "largest": pl.Expr.cum_max}[op]
    touched = pl.DataFrame({"value": value[rows], "owner": owners})
    after = touched.select(so_far(terms).over("owner")).to_series() if len(rows) else touched["value"]
    return Track(rows, lambda _, last: after[last], pl.Series([None], dtype=value.dtype))


def _sets(rows: Touches, value: pl.Series, owners: pl.Series) -> Track:
    """The values up to the last touch, sorted; a value that the entity has already touches nothing."""
    touched = pl.DataFrame({"value": value[rows], "owner": owners})
    new = touched.select(pl.col("value").is_first_distinct().over("owner")).to_series()
    values = touched["value"].filter(new)

    def pick(first: Touches, last: Touches) -> pl.Series:
        ends = np.maximum(first, last) + 1
        other = np.append(True, (first[1:] != first[:-1]) | (ends[1:] != ends[:-1]))[: len(first)]
        return _lists(values, first[other], ends[other])[np.cumsum(other) - 1]

    return Track(rows[new.to_numpy()], pick, pl.Series([[]], dtype=pl.List(value.dtype)))


def _lists(values: pl.Series, begins: Touches, ends: Touches) -> pl.Series:
    """Return the values of each range, none of them empty, as a sorted list."""
    numbers = pl.Series("list", np.repeat(np.arange(len(begins)), ends - begins)).set_sorted()
    flat = pl.DataFrame([numbers, values[ranges(begins, ends)].alias("value")])
    return flat.group_by("list", maintain_order=True).agg(pl.col("value").sort())["value"]


_TRACKS: Final = {
    "latest": _latest,
    "first": _first,
    "flag": _flag,
    "count": _count,
    "total": _total,
}
