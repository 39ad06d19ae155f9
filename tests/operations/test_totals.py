"""Sums are exact to their dtype's end, and beyond it an error: never a wrap, never a rounded integer."""

import decimal
import sys
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import eventsource as es
from eventsource.errors import FoldError
from eventsource.fold import Engine, PolarsEngine, ReferenceEngine
from eventsource.operations import TouchedRows
from eventsource.operations._long_sums import LongSums
from eventsource.operations._sums import running_sums
from eventsource.plan import Plan, Rule
from eventsource.testing import MemoryLog, event
from eventsource.timeline import Timeline

ENGINES: list[type[Engine]] = [PolarsEngine, ReferenceEngine]
TOP = 2**63 - 1


def _summed(values: list[Any], engine: Any, dtype: pl.DataType | None = None) -> Timeline:
    plan = Plan("M", (Rule(name="sum", op="total", events=("Paid",), of="x", dtype=dtype),))
    days = [date(2024, 1, 1 + number) for number in range(len(values))]
    log = [event("Paid", at=day.isoformat(), x=value) for day, value in zip(days, values, strict=True)]
    return Timeline(MemoryLog(log), plan, engine=engine())


def _everywhere(timeline: Timeline) -> set[Any]:
    """Return the last total, as every question gives it."""
    rows = pl.DataFrame({"id": ["entity-1"], "when": ["2024-12-31"]})
    return {
        timeline.as_of()["sum"].item(),
        timeline.history()["sum"][-1],
        timeline.changes("sum")["after"][-1],
        timeline.explain("entity-1")["value"].item(),
        timeline.join(rows, on="id", at="when")["sum"].item(),
        timeline.replay("entity-1")[-1].after["sum"],
    }


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("values", [[TOP - 1, 1], [-TOP, -1], [2**53, 1, 2**53], [TOP, -1, 1, -5]])
def test_integers_are_exact_to_64_bits(values: list[int], engine: Any) -> None:
    """The last total is the sum, to the last digit, where 64 bits can hold it."""
    assert _summed(values, engine).as_of()["sum"].item() == sum(values)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("values", [[TOP, 1], [-TOP, -2], [TOP] * 20, [TOP, 1, -1, -5]])
def test_beyond_64_bits_is_an_error(values: list[int], engine: Any) -> None:
    """Every question about such a total is refused; none wraps."""
    timeline = _summed(values, engine)
    questions: list[Callable[[], Any]] = [timeline.as_of, timeline.history, lambda: timeline.changes("sum")]
    for question in questions:
        with pytest.raises(FoldError, match="64 bits"):
            question()


@pytest.mark.parametrize("engine", ENGINES)
def test_decimals_are_exact_to_38_digits(engine: Any) -> None:
    """Digits are read from the payload; no float is in between."""
    values = ["123456789012345678901234567890123456.25", "0.10", "0.20"]
    total = _summed(values, engine, pl.Decimal(38, 2))
    assert _everywhere(total) == {decimal.Decimal("123456789012345678901234567890123456.55")}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_decimal_that_does_not_fit_is_an_error(engine: Any) -> None:
    """A sum with more digits than its dtype is refused."""
    with pytest.raises(FoldError):
        _summed(["9999.99", "0.01"], engine, pl.Decimal(6, 2)).as_of()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("dtype", "values"), [(None, [TOP, 1]), (pl.Decimal(18, 2), ["9999999999999999.99", "0.01"])]
)
def test_a_total_that_does_not_fit_is_an_error_even_where_no_answer_shows_it(
    engine: Any, dtype: pl.DataType | None, values: list[Any]
) -> None:
    """A sum beyond its dtype is refused whether its entity exists or not, but not before the event."""
    rule = Rule(name="sum", op="total", events=("Paid",), of="x", dtype=dtype)
    story = [event("Paid", at=f"2024-01-0{day}", x=value) for day, value in enumerate(values, 1)]
    plan = Plan("M", (rule,), created=("Born",), deleted=("Gone",))
    log = [event("Born", at="2024-01-01"), *story, event("Gone", at="2024-01-03")]
    for events in (story, log):
        timeline = Timeline(MemoryLog(events), plan, engine=engine())
        for question in (timeline.as_of, timeline.history, lambda asked=timeline: asked.as_of(["2024-02-01"])):
            with pytest.raises(FoldError):
                question()
        assert timeline.as_of("2024-01-01").height == (events is log)


@given(st.lists(st.floats(-1e9, 1e9).map(lambda value: round(value, 6)).filter(bool), min_size=1, max_size=20))
@pytest.mark.parametrize("engine", ENGINES)
def test_floats_are_the_exact_sum_rounded_once(engine: Any, values: list[float]) -> None:
    """The order of terms does not matter, and 0.1 + 0.2 + … is what exact arithmetic rounds to."""
    assert _everywhere(_summed(values, engine)) == {float(sum(map(Fraction, values)))}


@pytest.mark.parametrize("engine", ENGINES)
def test_texts_are_refused(engine: Any) -> None:
    """A total over text says which field, and what helps."""
    with pytest.raises(FoldError, match="'sum'"):
        _summed(["1", 2], engine).as_of()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("text", ["nan", "inf"])
def test_numbers_that_are_not_finite_are_refused(engine: Any, text: str) -> None:
    """A text that reads as NaN or infinity is refused, not summed to nonsense."""
    with pytest.raises(FoldError, match="expected Float64"):
        _summed(["1.5", text], engine, pl.Float64()).as_of()


_mixed = st.floats(1e-6, 1e12).flatmap(lambda value: st.sampled_from([value, -value]))


@given(st.lists(_mixed, min_size=1, max_size=40))
def test_every_range_has_its_exact_sum(values: list[float]) -> None:
    """Sums of ranges are exact, whatever numbers are before them."""
    one_entity = TouchedRows(np.ones(len(values), bool), np.array([0, len(values)]))
    sums = running_sums(pl.Series(values), one_entity)
    firsts, ends = map(np.array, zip(*combinations(range(len(values) + 1), 2), strict=True))
    expected = [float(sum(map(Fraction, values[first:end]))) for first, end in zip(firsts, ends, strict=True)]
    assert sums.between(firsts, ends).to_list() == expected


_any = st.floats(allow_nan=False, allow_infinity=False)
_apart = st.one_of(
    _mixed, _any, st.sampled_from([3.4e41, -3.4e41, 5e-324, 2.0**-1022, 1.7e308, -1.7e308, 0.0, -0.0])
)


@given(st.lists(_apart, min_size=1, max_size=14))
def test_floats_however_far_apart_have_their_exact_sum(values: list[float]) -> None:
    """Rounded once, half to even, down to the smallest float; beyond the largest it is an error."""
    sums = LongSums.of_floats(pl.Series(values))
    for first, end in combinations(range(len(values) + 1), 2):
        exact = sum(map(Fraction, values[first:end]))
        try:
            expected = float(exact)
        except OverflowError:
            with pytest.raises(FoldError, match="range of floats"):
                sums.between(np.array([first]), np.array([end]))
            continue
        assert sums.between(np.array([first]), np.array([end])).to_list() == [expected]


@given(st.lists(st.tuples(st.sampled_from("abc"), _apart), min_size=1, max_size=12))
@example([("a", 3.093746044656495e-241), ("a", 1.2911249390434543e120)])  # 2**-1074 in units of their scale
def test_the_totals_of_some_do_not_depend_on_others(paid: list[tuple[str, float]]) -> None:
    """One entity's numbers may be of quite another size than those of the rest, in every question and engine."""
    story = [event("Paid", entity, at=f"2024-01-{day:02}", x=value) for day, (entity, value) in enumerate(paid, 1)]
    plan = Plan("M", (Rule(name="sum", op="total", events=("Paid",), of="x", dtype=pl.Float64()),))
    all_of_them, slow = (Timeline(MemoryLog(story), plan, engine=engine()) for engine in ENGINES)
    for question in ("as_of", "history"):
        try:
            expected = getattr(slow, question)()
        except FoldError:
            with pytest.raises(FoldError):
                getattr(all_of_them, question)()
            continue
        assert getattr(all_of_them, question)().equals(expected)
        for entity in "abc":
            alone = getattr(all_of_them, question)(entity=entity)
            assert alone.equals(expected.filter(pl.col("entity") == entity))


def test_one_huge_number_leaves_other_totals_unchanged(tmp_path: Path) -> None:
    """A placeholder such as the largest float leaves all other totals as they are."""
    log = es.Log(tmp_path / "log")
    paid = [event("Paid", f"e{n % 300}", at=f"2024-01-{1 + n % 28:02}", x=0.01 * (n % 97)) for n in range(25_000)]
    plan = Plan("M", (Rule(name="sum", op="total", events=("Paid",), of="x"),))
    log.append(paid)
    before = Timeline(log, plan).as_of()
    log.append([event("Paid", "stray", at="2024-01-10", x=sys.float_info.max)])
    timeline = Timeline(log, plan)
    assert timeline.as_of().filter(pl.col("entity") != "stray").equals(before)
    last = timeline.history().filter(pl.col("valid_to").is_null())
    assert last.filter(pl.col("entity") != "stray").select(before.columns).equals(before)


@pytest.mark.parametrize("engine", ENGINES)
def test_totals_that_fit_are_given_though_they_would_not_together(engine: Any) -> None:
    """Two sums of which each is near the end of its dtype."""
    plan = Plan("M", (Rule(name="sum", op="total", events=("Paid",), of="x", dtype=pl.Decimal(38, 18)),))
    story = [
        event("Paid", entity, at="2024-01-01", x=value) for entity in "abc" for value in ("6e19", "1e-18", "-1")
    ]
    timeline = Timeline(MemoryLog(story), plan, engine=engine())
    sums = timeline.as_of()["sum"].to_list()
    assert sums == [decimal.Decimal("59999999999999999999.000000000000000001")] * 3
    assert timeline.history()["sum"].to_list()[-1] == sums[-1]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("value", [True, "1_000", [0, [1, 2], -1], {"a": 1}, "nan", "", "½", "0x1"])
def test_only_numbers_are_read_as_decimals(engine: Any, value: Any) -> None:
    """Python reads more as a number than people write."""
    with pytest.raises(FoldError):
        _summed([value, "1.5"], engine, pl.Decimal(18, 2)).as_of()


@pytest.mark.parametrize("engine", ENGINES)
def test_small_floats_are_summed_as_floats(engine: Any) -> None:
    """A total of Float32 is one of Float64 in every engine."""
    found = _summed([1.5, 2.25], engine, pl.Float32()).as_of()
    assert (found["sum"].dtype, found["sum"].item()) == (pl.Float64(), 3.75)


@given(st.lists(st.decimals(-(10**14), 10**14, places=2), min_size=1, max_size=6))
def test_a_trend_of_money_is_exact(values: list[decimal.Decimal]) -> None:
    """Sums of decimals are sums of decimals, to the last digit, on every day."""
    plan = Plan("M", (Rule(name="sum", op="total", events=("Paid",), of="x", dtype=pl.Decimal(38, 2)),))
    story = [event("Paid", at=f"2024-01-{day:02}", x=str(value)) for day, value in enumerate(values, 1)]
    trend = Timeline(MemoryLog(story), plan).trend({"sum": pl.col("sum").sum()}, every="1d")
    assert trend["sum"].to_list() == [sum(values[: day + 1]) for day in range(len(values))]


def test_a_trend_of_a_total_with_nan_is_as_of_each_moment() -> None:
    """What cannot be taken back (NaN, infinities) is looked at moment by moment."""

    class Ratio(es.Model):
        paid = es.total("Paid", of="x")
        ratio = es.derive(pl.col("paid").cast(pl.Float64) / (pl.col("paid") - 2).cast(pl.Float64))

    story = [event("Paid", at=f"2024-01-0{day}", x=1) for day in (1, 2, 3)]
    trend = Timeline(MemoryLog(story), Ratio).trend({"sum": pl.col("ratio").sum()}, every="1d")
    assert trend["sum"].to_list() == [-1.0, float("inf"), 3.0]
