"""Sums one number at a time: where columns cannot hold them, and where one of them leaves its range.

Here the steps of the reference engine are taken for the touches of some entities. Six touches of two entities with
``total(dtype=pl.Decimal(2, 0))``, which ends at 99::

    touch         0    1    2    3    4    5
    owner         ann  ann  ann  bob  bob  bob
    value         60   50   30   1    2    3
    sum           60   110  90   1    3    6        columns: ann leaves the range at touch 1, bob never
    refused       0    1    0    ·    ·    ·        one by one, for ann alone: touch 1 is a fault, and passed over
"""

import decimal
import json
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import polars as pl
from msgspec import Struct

from eventsource.operations import _steps as steps
from eventsource.operations._arguments import Arguments
from eventsource.operations._field_history import FieldEvents, FieldHistory, Refused
from eventsource.operations._long_sums import LongSums
from eventsource.operations._sums import RunningSums
from eventsource.operations._touched_rows import Numbers
from eventsource.operations._unfoldable import Unfoldable, beyond
from eventsource.operations._wide_sums import WideSums

__all__ = ["Overflow", "all_totals", "exact_means", "exact_totals", "overflowing", "shown_numbers"]

_DIGITS: Final = 38
_LARGE: Final = 1e307
"""Floats end at about 1.8e308."""


class Overflow(Struct, frozen=True):
    """The touches after which a total would leave its range.

    Args:
        mask: per touch, whether it is one of them.
        reason: how a fault says so.
    """

    mask: pl.Series
    reason: str

    def of(self, events: FieldEvents) -> Refused:
        """Return the rows of these touches."""
        return Refused(events.touched.rows[self.mask.to_numpy()], self.reason)


def exact_totals(rule: Arguments, events: FieldEvents) -> FieldHistory:
    """Return the totals of numbers that are given as JSON."""
    totals, refused = _totals_of(rule, events)
    after = shown_numbers(totals, events.dtype)
    zero = shown_numbers([0], events.dtype)
    return FieldHistory(
        events.touched,
        lambda _, last: after.gather(pl.Series(last)),
        zero,
        None if refused is None else refused.of(events),
    )


def all_totals(rule: Arguments, events: FieldEvents) -> list[int | float]:
    """Return the total after each touch, of numbers that are given as JSON."""
    return _totals_of(rule, events)[0]


def exact_means(rule: Arguments, events: FieldEvents) -> FieldHistory:
    """Return the means of numbers that are given as JSON."""
    means, owner, state = [], -1, steps.begin_mean(rule)
    for value, own in zip(_numbers(events.values), events.touched.owners.to_list(), strict=True):
        state = steps.mean(rule, state if own == owner else steps.begin_mean(rule), {}, value)
        owner = own
        means.append(steps.show_mean(rule, state, None))
    after = pl.Series(means, dtype=pl.Float64())
    return FieldHistory(
        events.touched, lambda _, last: after.gather(pl.Series(last)), pl.Series([None], dtype=pl.Float64())
    )


def overflowing(rule: Arguments, events: FieldEvents, sums: RunningSums | WideSums | LongSums) -> Overflow | None:
    """Return the touches after which a total leaves the range of its dtype; None: it never does.

    Args:
        rule: the total.
        events: its events.
        sums: the running sums of their values.
    """
    owners = _owners_at_risk(events, sums)
    if owners is None:
        return None
    mask = np.isin(events.touched.owners.to_numpy(), owners)
    chosen = pl.Series(mask)
    _, found = _totals(
        rule, events.values.filter(chosen).to_list(), events.touched.owners.filter(chosen).to_numpy()
    )
    if found is None:
        return None
    mask[mask] = found.mask.to_numpy()
    return Overflow(pl.Series(mask), found.reason)


def shown_numbers(numbers: Sequence[Any], dtype: pl.DataType) -> pl.Series:
    """Return integers and floats in the dtype that shows them; String: as JSON."""
    if dtype == pl.String():
        return pl.Series([json.dumps(number) for number in numbers], dtype=dtype)
    if isinstance(dtype, pl.Decimal):
        texts = [json.dumps(number) for number in numbers]
        return pl.Series([decimal.Decimal(text) for text in texts], dtype=dtype)
    return pl.Series(numbers, dtype=dtype, strict=False)


def _totals_of(rule: Arguments, events: FieldEvents) -> tuple[list[Any], Overflow | None]:
    return _totals(rule, _numbers(events.values), events.touched.owners.to_numpy())


def _numbers(values: pl.Series) -> list[Any]:
    return [json.loads(text) for text in values]


def _totals(rule: Arguments, values: Sequence[Any], owners: Numbers) -> tuple[list[Any], Overflow | None]:
    """Return the total after each touch, and the touches that are passed over."""
    totals, refused, reason = [], np.zeros(len(values), bool), ""
    owner, state = -1, steps.begin_total(rule)
    for row, (value, own) in enumerate(zip(values, owners.tolist(), strict=True)):
        if own != owner:
            owner, state = own, steps.begin_total(rule)
        try:
            state = steps.total(rule, state, {}, value)
        except Unfoldable as fault:
            refused[row], reason = True, fault.reason
        totals.append(steps.show_total(rule, state, None))
    return totals, Overflow(pl.Series(refused), reason) if reason else None


def _owners_at_risk(events: FieldEvents, sums: RunningSums | WideSums | LongSums) -> Numbers | None:
    """Return the numbers of the entities one of whose totals may leave the range; None: no total does."""
    owners = events.touched.owners.to_numpy()
    if isinstance(sums, RunningSums) or not len(owners):
        return None
    if isinstance(sums, LongSums):
        top = max(abs(float(value)) for value in (events.values.min(), events.values.max()))  # type: ignore[arg-type]  # floats
        return np.unique(owners) if top * events.touched.longest > _LARGE else None
    end, _ = beyond(sums.dtype, has_float=False)
    scale = sums.units_in_one
    if (sums.top + 1) * scale * events.touched.longest < end:
        return None
    if (sums.top + 1) * scale * events.touched.longest >= 10**_DIGITS:
        return np.unique(owners)
    numbers = np.arange(len(owners))
    after = sums.units(events.touched.cuts[owners], numbers + 1)
    units = after.to_physical().cast(pl.Int128)
    beyond_range = ((units >= end) | (units <= -end)).to_numpy()
    return np.unique(owners[beyond_range]) if beyond_range.any() else None
