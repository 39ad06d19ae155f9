"""Measures of a trend: running totals give what Polars computes at each moment."""

from functools import cache
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import eventsource as es
from eventsource.errors import ModelError
from eventsource.testing import MemoryLog, event
from eventsource.timeline._measures import Additive, split_measure


class Account(es.Model):
    """Fields of several dtypes."""

    n = es.latest("Paid", of="n")
    small = es.latest("Paid", of="n", dtype=pl.Int8)
    money = es.total("Paid", of="money", dtype=pl.Decimal(18, 2))
    share = es.latest("Paid", of="share")
    day = es.latest("Paid", of="day", dtype=pl.Date)
    last = es.latest("Paid")
    city = es.latest("Paid", of="city")
    paid = es.flag(on="Paid", off="Left")


STORY = [
    event(
        "Left" if number == 3 else "Paid",
        f"e{number % 3}",
        at=f"2024-01-0{number + 1}",
        n=number - 2,
        money=f"{number}.29",
        share=number / 8,
        day=f"2024-02-0{number + 1}",
        city="xyz"[number % 3] if number else None,
    )
    for number in range(7)
]

N, MONEY, CITY = pl.col("n"), pl.col("money"), pl.col("city")
FAST = [
    N.sum(),
    pl.col("small").mean(),
    MONEY.sum(),
    MONEY.mean(),
    (N.sum() / pl.len()).round(2).alias("x"),
    N.sum().cast(pl.Float64) * 2 - N.count(),
    N.filter(CITY == "x").sum(),
    N.filter(CITY == "x").mean().abs(),
    CITY.is_null().sum(),
    pl.when(N > 0).then(MONEY).otherwise(0).sum(),
    (pl.col("paid") & (N > 0)).mean(),
    pl.len(),
    CITY.count(),
    -pl.col("share").sum(),
    pl.col("share").sum() / pl.len(),
    MONEY.sum() / pl.len(),
    MONEY.sum() / MONEY.count(),
    (N.sum().cast(pl.Decimal(18, 4)) / pl.len()).round(1),
]
SLOW = [
    N.median(),
    N.filter(CITY == "x").len(),
    CITY.n_unique(),
    pl.col("last").mean(),
    pl.col("day").max(),
    (N / pl.len()).sum(),
    (N - N.mean()).abs().sum(),
    N.sum() + N.median(),
    CITY.sort().first(),
    pl.lit(1),
    N.cum_sum().last(),
    MONEY.median() + MONEY.max() / pl.len(),
    MONEY.filter(CITY == "x").max() / pl.len(),
]


def _is_fast(measure: pl.Expr, rows: pl.DataFrame) -> bool:
    _, inners = split_measure(measure, "m")
    return bool(inners) and all(Additive.of(inner, rows) for inner in inners.values())


@pytest.mark.parametrize("by", [[], ["paid"]])
@pytest.mark.parametrize("measure", [*FAST, *SLOW], ids=str)
def test_a_measure_equals_the_aggregation_of_as_of(measure: pl.Expr, by: list[str]) -> None:
    """Values and dtype are those of an aggregation of `as_of`, whichever way the measure is computed."""
    accounts = es.Timeline(MemoryLog(STORY), Account)
    found = accounts.trend({"m": measure}, every="1d", since="2024-01-01", until="2024-01-08", by=by)
    named = measure.alias("m")
    states = _in_the_dtypes_of_the_last([accounts.as_of(f"2024-01-0{day}") for day in range(1, 9)])
    parts = [each.group_by(by).agg(named).sort(by) if by else each.select(named) for each in states]
    assert_frame_equal(found.drop("as_of"), pl.concat(parts), rel_tol=1e-12)


class Member(Account, created="Paid", deleted="Left"):
    """An account that may be deleted."""


@pytest.mark.parametrize("measure", [*FAST, *SLOW], ids=str)
def test_a_measure_without_entities_is_the_aggregation_of_zero_rows(measure: pl.Expr) -> None:
    """It is null only where Polars refuses to compute it, at moments before, between and after entities exist."""
    measures = {str(measure): measure}
    members, states = _members_that_leave()
    found = members.trend(measures, every="1d", since="2024-01-01", until="2024-01-09")
    expected = pl.concat(_aggregated(each, measures) for each in states)
    assert_frame_equal(found.drop("as_of"), expected, check_exact=True)


@cache
def _members_that_leave() -> tuple[es.Timeline, list[pl.DataFrame]]:
    """Return a timeline of one member who comes and leaves twice, and the states of nine days."""
    kinds = ["Paid", "Left", "Paid", "Left"]
    paid: dict[str, Any] = {"n": 1, "money": "1.30", "share": 0.1, "day": "2024-02-01", "city": "x"}
    story = [event(kind, "e", at=f"2024-01-0{2 * n + 2}", **paid) for n, kind in enumerate(kinds)]
    members = es.Timeline(MemoryLog(story), Member)
    states = _in_the_dtypes_of_the_last([members.as_of(f"2024-01-0{day}") for day in range(1, 10)])
    assert [each.height for each in states] == [0, 1, 1, 0, 0, 1, 1, 0, 0]
    return members, states


def _in_the_dtypes_of_the_last(states: list[pl.DataFrame]) -> list[pl.DataFrame]:
    """Before a member has any value, its field has no dtype; a trend has those of its last moment."""
    return [each.cast(states[-1].schema) for each in states]


def _aggregated(states: pl.DataFrame, measures: dict[str, pl.Expr]) -> pl.DataFrame:
    named = [measure.alias(name) for name, measure in measures.items()]
    try:
        return states.select(named)
    except pl.exceptions.ComputeError:
        assert not states.height
        return states.lazy().select(named).collect_schema().to_frame().clear(1)


@pytest.mark.parametrize(
    "measure", [N, N.unique(), N.head(1), N.slice(0, 1), N.mode(), N.top_k(1), N.drop_nulls(), N.gather([0]), -N]
)
def test_an_expression_with_many_values_is_refused(measure: pl.Expr) -> None:
    """Also where it happens to make one value of the rows that exist."""
    accounts = es.Timeline(MemoryLog(STORY), Account)
    with pytest.raises(ModelError, match="the measure 'm'"):
        accounts.trend({"m": measure}, every="1d", since="2024-01-01", until="2024-01-01")


@pytest.mark.parametrize(("measures", "fast"), [(FAST, True), (SLOW, False)])
def test_sums_and_expressions_over_them_have_running_totals(measures: list[pl.Expr], *, fast: bool) -> None:
    """More moments cost almost nothing for the fast measures, and only for them."""
    rows = es.Timeline(MemoryLog(STORY), Account).as_of()
    assert [measure for measure in measures if _is_fast(measure, rows) is not fast] == []


SIZES = [
    [1e30, 1e-8, 0.5],
    [1e308, 1e-50],
    [5e-324, 1.5, 1e300],
    [0.1, 0.7, 1e9],
    [1e-300, 3e-301, 0.0],
    [-0.0, 2.0**70, 2.0**-48],
]


@pytest.mark.parametrize("values", SIZES, ids=str)
@pytest.mark.parametrize("op", ["sum", "mean"])
def test_sums_of_floats_of_any_size_are_exact(values: list[float], op: str) -> None:
    """If 128 bits cannot hold all values, each moment is summed as Polars does."""
    share = event("Paid", "e0", at="2024-01-01", share=values[0])
    later = [event("Paid", f"e{n}", at=f"2024-01-0{n + 1}", share=each) for n, each in enumerate(values[1:], 1)]
    left = [event("Left", f"e{n}", at=f"2024-02-0{n + 1}") for n in range(len(values) - 1)]
    members = es.Timeline(MemoryLog([share, *later, *left]), Member)
    measure = getattr(pl.col("share"), op)()
    found = members.trend({"m": measure}, every="1d", since="2024-01-01", until="2024-02-09")
    expected = pl.concat((members.as_of(day).select(m=measure) for day in found["as_of"]), how="vertical_relaxed")
    assert_frame_equal(found.drop("as_of"), expected, rel_tol=1e-15, abs_tol=0)


def test_floats_have_running_totals_if_they_can_be_subtracted_exactly() -> None:
    """Money, shares and measurements can; NaN, infinities and very different sizes cannot."""
    rows = [pl.DataFrame({"x": [*values, None]}, schema={"x": pl.Float64}) for values in SIZES]
    assert [_is_fast(pl.col("x").sum(), each) for each in rows] == [False, False, False, True, False, True]
    for odd in (float("nan"), float("inf")):
        assert not _is_fast(pl.col("x").mean(), pl.DataFrame({"x": [1.0, odd]}))
    assert _is_fast(pl.col("x").sum(), pl.DataFrame({"x": [0.1, 1e15]}, schema={"x": pl.Float32}))
