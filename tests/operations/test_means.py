"""A mean is the exact sum divided by the count, rounded once, whatever numbers the member holds."""

import json
from datetime import date
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import eventsource as es
from eventsource.errors import FoldError
from eventsource.fold import PolarsEngine, ReferenceEngine
from eventsource.operations import Rule
from eventsource.operations._means import quotients
from eventsource.plan import Plan
from eventsource.testing import MemoryLog, event
from eventsource.timeline import Timeline

ENGINES = [PolarsEngine, ReferenceEngine]
TOP = 2**63 - 1

_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_CENTS = st.decimals(-(10**14), 10**14, places=2)
_MONEY = pl.Decimal(18, 2)


def _timeline(values: list[Any], engine: Any, dtype: pl.DataType | None = None) -> Timeline:
    plan = Plan("M", (Rule(name="mean", op="mean", events=("Paid",), of="x", dtype=dtype),))
    days = [date(2024, 1, 1 + number) for number in range(len(values))]
    log = [event("Paid", at=day.isoformat(), x=value) for day, value in zip(days, values, strict=True)]
    return Timeline(MemoryLog(log), plan, engine=engine())


def _mean(values: list[Any]) -> float:
    """Return the mean as the specification says it."""
    return float(sum(map(Fraction, values)) / len(values))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([1, 2], None, 1.5),
        ([TOP, TOP, TOP - 1], None, _mean([TOP, TOP, TOP - 1])),  # the sum exceeds 64 bits, the mean does not
        ([2**53, 2**53 + 1], None, 2.0**53),
        ([0.1, 0.2], None, _mean([0.1, 0.2])),
        ([1e308, 1.5e308], None, _mean([1e308, 1.5e308])),  # the sum exceeds floats
        ([1e41, 0.1, -1e41], None, 0.1 / 3),
        ([5e-324, 0.0], None, 0.0),
        ([1, 2.5], None, 1.75),
        (["0.10", "0.20", "0.25"], _MONEY, float(Fraction(55, 300))),
        (["9" * 36, "9" * 36, "8" * 36], pl.Decimal(36, 0), _mean([int("9" * 36)] * 2 + [int("8" * 36)])),
        ([None, 3, None, 4], None, 3.5),
        ([None], None, None),
        ([-0.0], None, 0.0),
    ],
)
def test_a_mean_is_exact_and_rounded_once(
    values: list[Any], dtype: pl.DataType | None, expected: float | None, engine: Any
) -> None:
    """Integers, decimals and floats alike; null is passed over, and is the mean of no numbers."""
    timeline = _timeline(values, engine, dtype)
    found = timeline.as_of()["mean"]
    assert (found.dtype, found.to_list()) == (pl.Float64(), [expected])
    assert timeline.history()["mean"][-1] == expected


@given(
    st.one_of(
        st.tuples(st.none(), st.lists(_FLOATS, min_size=1, max_size=12)),
        st.tuples(st.none(), st.lists(st.floats(-1e9, 1e9).map(lambda x: round(x, 2)), min_size=1, max_size=12)),
        st.tuples(st.none(), st.lists(st.integers(-(2**63), TOP), min_size=1, max_size=12)),
        st.tuples(st.just(_MONEY), st.lists(_CENTS, min_size=1, max_size=12)),
    )
)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_mean_of_a_history_is_exact(engine: Any, values: tuple[pl.DataType | None, list[Any]]) -> None:
    """The change after each event leads to the mean of all numbers up to it."""
    dtype, numbers = values
    sent = [str(number) for number in numbers] if dtype else numbers
    changes = _timeline(sent, engine, dtype).changes("mean")
    means = [_mean(numbers[:end]) for end in range(1, len(numbers) + 1)]
    steps = [mean for mean, before in zip(means, [None, *means], strict=False) if mean != before]
    assert changes["after"].to_list() == steps


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", [None, pl.Float32()])
def test_an_entity_without_numbers_yet_has_no_mean(engine: Any, dtype: pl.DataType | None) -> None:
    """Other entities' numbers, however far apart, leave it null; it was a division by zero."""
    plan = Plan("M", (Rule(name="mean", op="mean", events=("Paid",), of="x", dtype=dtype),))
    log = [
        event("Paid", "a", at="2024-01-01", x=2.0**100),
        event("Paid", "b", at="2024-01-01", x=None),
        event("Paid", "b", at="2024-01-02", x=0.5),
        event("Paid", "a", at="2024-01-03", x=2.0**-100),
    ]
    timeline = Timeline(MemoryLog(log), plan, engine=engine())
    assert timeline.as_of(["2024-01-01", "2024-01-02"], entity="b")["mean"].to_list() == [None, 0.5]
    assert timeline.history("b")["mean"].to_list() == [None, 0.5]
    assert timeline.changes("mean", entity="b")["before"].to_list() == [None]
    asked = pl.DataFrame({"id": ["b", "a"], "when": ["2024-01-01", "2024-01-01"]})
    assert timeline.join(asked, on="id", at="when")["mean"].is_null().to_list() == [True, False]
    assert timeline.trend({"known": pl.col("mean").count()}, every="1d")["known"].to_list() == [1, 2, 2]


@given(
    st.lists(st.tuples(st.integers(-(2**100), 2**100), st.integers(1, 2**40)), min_size=1),
    st.sampled_from([Fraction(1), Fraction(100), Fraction(10**18), Fraction(2**80), Fraction(1, 2**80)]),
)
@example([(2**53 + 1, 3)], Fraction(1))
@example([(1, 2**40)], Fraction(10**18))
def test_quotients_are_rounded_once(pairs: list[tuple[int, int]], units_in_one: Fraction) -> None:
    """The fast path divides only what floats hold exactly."""
    sums, counts = map(list, zip(*pairs, strict=True))
    found = quotients(pl.Series(sums, dtype=pl.Int128), np.array(counts), units_in_one)
    assert found.to_list() == [float(Fraction(total) / (count * units_in_one)) for total, count in pairs]


def test_the_mean_of_no_numbers_is_null() -> None:
    """A snapshot of an entity without numbers holds the sum 0 and the count 0."""
    found = quotients(pl.Series([0, 3], dtype=pl.Int128), np.array([0, 2]), Fraction(1))
    assert found.to_list() == [None, 1.5]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("text", ["nan", "inf"])
def test_numbers_that_are_not_finite_are_refused(engine: Any, text: str) -> None:
    """The error is that of a total."""
    with pytest.raises(FoldError, match="expected Float64"):
        _timeline(["1.5", text], engine, pl.Float64()).as_of()


@pytest.mark.parametrize("engine", ENGINES)
def test_texts_are_refused(engine: Any) -> None:
    """The error names the field, and how to read numbers from texts."""
    with pytest.raises(FoldError, match=r"'mean'.*expected a number"):
        _timeline(["1", "2"], engine).as_of()


def test_a_model_has_means() -> None:
    """The sugar gives the rule, which plain data holds too."""

    class Shop(es.Model):
        average = es.mean("Paid", of="amount", dtype=_MONEY)

    assert Shop.plan.rules == (Rule(name="average", op="mean", events=("Paid",), of="amount", dtype=_MONEY),)
    assert Plan.from_dict(json.loads(json.dumps(Shop.plan.to_dict()))) == Shop.plan


def test_a_trend_and_a_join_have_means() -> None:
    """A mean is a field like any other."""
    timeline = _timeline([1, 2, 6], PolarsEngine)
    trend = timeline.trend({"top": pl.col("mean").max()}, every="1d")
    assert trend["top"].to_list() == [1.0, 1.5, 3.0]
    asked = pl.DataFrame({"id": ["entity-1"], "when": ["2024-01-02"]})
    assert timeline.join(asked, on="id", at="when")["mean"].to_list() == [1.5]
