"""The laws of joins and trends, and of indexes on disk: whatever is asked in bulk is asked one by one."""

import math
from datetime import date, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pandas as pd
import polars as pl
import polars.testing
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventsource import Log
from eventsource.index import Sizes, _known_rows
from eventsource.plan import Plan
from eventsource.timeline import Timeline, Tuning
from tests.conformance.answers import alike, answer_of, assert_same, both_engines, is_refused, states, timeline
from tests.conformance.strategies import INSTANTS, KINDS, STREAMS, World, moments, worlds, zones
from tests.laws import examples

IDS = (*STREAMS, "7", "nobody", None)

SPANS: tuple[dict[str, Any], ...] = (
    {"every": "1d", "since": date(2024, 3, 30), "until": date(2024, 4, 3)},
    {"every": "1mo", "since": "2024-01-31", "until": "2024-04-30"},
    {"every": "7h", "since": datetime(2024, 3, 30, 12), "until": INSTANTS[-1]},  # noqa: DTZ001 - in the zone
    {"every": "2d"},
)


def _joined(world: World, rows: pl.DataFrame, tz: str = "UTC") -> Any:
    return answer_of(lambda t: t.join(rows, on="id", at="when"), timeline(world.events, world.plan, tz=tz))


@given(worlds(), st.data(), zones())
def test_a_join_is_as_of_row_by_row(world: World, data: st.DataObject, tz: str) -> None:
    """Law 6 for join: each row has the state of its entity at its own moment, nulls where there is none."""
    forms = st.sampled_from(
        [
            (st.dates(date(2024, 3, 29), date(2024, 4, 4)), pl.Date()),
            (st.sampled_from(INSTANTS), pl.Datetime("us", "UTC")),
            (st.sampled_from(INSTANTS), pl.Datetime("ms", "Europe/Warsaw")),
            (st.sampled_from(["2024-03-31", "2024-03-30T12:00:00", "2024-04-01T00:00:00Z"]), pl.String()),
        ]
    )
    when, dtype = data.draw(forms)
    rows = data.draw(st.lists(st.tuples(st.sampled_from(IDS), st.none() | when), max_size=8))
    frame = pl.DataFrame(rows, schema={"id": pl.String(), "when": dtype}, orient="row")
    found = _joined(world, frame, tz)
    if is_refused(found):
        return
    assert_same(found.select("id", "when"), frame)
    whole = timeline(world.events, world.plan, tz=tz)
    nothing = dict.fromkeys(world.plan.fields)
    for row, (entity, moment) in zip(found.to_dicts(), frame.rows(), strict=True):
        state = nothing if moment is None else states(whole.as_of(moment, entity=[entity])).get(entity, nothing)
        assert alike({name: row[name] for name in world.plan.fields}, state, widened=True)


_SOME = st.none() | st.sampled_from(INSTANTS)
_ASKED = st.lists(st.tuples(st.sampled_from(IDS), _SOME, _SOME), max_size=8)
_ASKED_TYPES = {"id": pl.String(), "when": pl.Datetime("us", "UTC"), "known": pl.Datetime("us", "UTC")}
_COMPARABLE = tuple(kind for kind in KINDS if kind != "mixed")
"""Kinds whose values are the same in every dtype that a question may give them."""


@given(worlds(kinds=_COMPARABLE), _ASKED, st.none() | st.integers(0, 12), st.sampled_from([1, 9, 4_000_000]))
def test_each_row_knows_what_was_known_at_its_own_time(
    world: World, rows: list[Any], upto: int | None, at_once: int
) -> None:
    """A join with a column of known_at is as_of of each row, by both engines, whatever is folded at once."""
    frame = pl.DataFrame(rows, schema=_ASKED_TYPES, orient="row")
    lines = both_engines(world.events, world.plan)
    asked: dict[str, Any] = {"on": "id", "at": "when", "known_at": "known", "upto": upto}
    with patch.object(_known_rows, "_MOST_ROWS", at_once):
        found, slow = (answer_of(lambda t: t.join(frame, **asked), line) for line in lines)
    assert_same(found, slow, dtypes=False)
    wanted = [row for row in rows if None not in row]
    questions = [partial(_as_known, entity, when, known, upto) for entity, when, known in wanted]
    alone = [answer_of(question, lines[0]) for question in questions]
    assert is_refused(found) == any(is_refused(each) for each in alone)
    if is_refused(found):
        return
    assert_same(found.select(frame.columns), frame)
    expected = iter(alone)
    nothing = dict.fromkeys(world.plan.fields)
    for row, asked_for in zip(found.to_dicts(), rows, strict=True):
        state = nothing if None in asked_for else states(next(expected)).get(asked_for[0], nothing)
        assert alike({name: row[name] for name in world.plan.fields}, state, typed=False)


def _as_known(entity: str, when: Any, known_at: Any, upto: int | None, line: Timeline) -> pl.DataFrame:
    return line.as_of(when, entity=entity, known_at=known_at, upto=upto)


@given(worlds(), st.lists(st.tuples(st.sampled_from(IDS), st.none() | st.sampled_from(INSTANTS))))
def test_engines_agree_on_joins(world: World, rows: list[Any]) -> None:
    """Law 1: a join is the same from every engine."""
    frame = pl.DataFrame(rows, schema={"id": pl.String(), "when": pl.Datetime("us", "UTC")}, orient="row")
    lines = both_engines(world.events, world.plan)
    assert_same(*(answer_of(lambda t: t.join(frame, on="id", at="when"), t) for t in lines), dtypes=False)


@given(worlds(), st.lists(st.tuples(st.sampled_from([7, 8, None]), st.sampled_from(INSTANTS)), min_size=1))
def test_integer_ids_and_pandas_frames_join_as_texts_do(world: World, rows: list[Any]) -> None:
    """An integer id names the entity of the same text, and a pandas frame is a frame."""
    frame = pl.DataFrame(rows, schema={"id": pl.Int32(), "when": pl.Datetime("us", "UTC")}, orient="row")
    texts = _joined(world, frame.with_columns(pl.col("id").cast(pl.String)))
    integers = _joined(world, frame)
    if is_refused(texts):
        assert is_refused(integers)
        return
    assert_same(integers.drop("id"), texts.drop("id"))
    table = pd.DataFrame({"id": texts["id"].to_list(), "when": [when for _, when in rows]})
    from_pandas = _joined(world, table)  # type: ignore[arg-type]  # any frame
    assert alike(from_pandas.drop("when").to_dicts(), texts.drop("when").to_dicts())


@given(worlds(), st.data(), zones())
def test_a_trend_is_as_of_each_moment_aggregated(world: World, data: st.DataObject, tz: str) -> None:
    """Law 6 for trend: each row is the aggregation of as_of its moment, by its groups."""
    whole = timeline(world.events, world.plan, tz=tz)
    schema = answer_of(lambda t: t.history(), whole)
    if is_refused(schema):
        return
    by = data.draw(st.lists(st.sampled_from(world.plan.fields), max_size=2, unique=True))
    by = [name for name in by if not isinstance(schema.schema[name], pl.List)]
    measures = data.draw(_measures(schema.schema, world.plan))
    trend = answer_of(lambda t: t.trend(measures, by=by, **data.draw(st.sampled_from(SPANS))), whole)
    if is_refused(trend):
        return
    expected = _aggregated(whole, trend, measures, by)
    assert trend.columns == ["as_of", *by, *measures]
    _assert_near(trend.drop("as_of"), expected.select(*by, *measures), whole)


@st.composite
def _measures(draw: st.DrawFn, schema: pl.Schema, plan: Plan) -> dict[str, pl.Expr]:
    """Return measures that fit the dtypes of some fields."""
    found: dict[str, pl.Expr] = {"n": pl.len()}
    for field in plan.fields:
        dtype = schema[field]
        names = ["count", "len", "nulls"]
        if dtype.is_numeric() or dtype == pl.Boolean():
            names += ["sum", "mean", "max", "ratio", "of_some"]
        if dtype.is_float() or dtype == pl.Int64():
            names += ["median", "double", "unique"]
        name = draw(st.sampled_from(names))
        found[f"{field}_{name}"] = _on(name, field)
    return found


def _on(name: str, field: str) -> pl.Expr:
    column = pl.col(field)
    return {
        "len": pl.len(),
        "sum": column.sum(),
        "double": (column * 2).sum(),
        "ratio": (column.sum().cast(pl.Float64) / pl.len()).round(3),
        "of_some": column.filter(column.is_not_null() & (pl.lit(1) == 1)).mean(),
        "count": column.count(),
        "mean": column.mean(),
        "max": column.max(),
        "median": column.median(),
        "unique": column.n_unique(),
        "nulls": column.is_null().sum(),
    }[name]


def _aggregated(whole: Timeline, trend: pl.DataFrame, measures: dict[str, pl.Expr], by: list[str]) -> pl.DataFrame:
    named = [measure.alias(name) for name, measure in measures.items()]
    last: Any = trend["as_of"].max() if trend.height else None
    empty = whole.as_of(last).clear()  # what the trend sees decides the dtypes
    parts = []
    for moment in trend["as_of"].unique(maintain_order=True):
        state = whole.as_of(moment).cast(empty.schema)
        parts.append(state.group_by(by).agg(named).sort(by) if by else state.select(named))
    none = empty.group_by(by).agg(named) if by else empty.select(named).clear()
    return pl.concat([none, *parts], how="vertical_relaxed")


def _assert_near(found: pl.DataFrame, expected: pl.DataFrame, whole: Timeline) -> None:
    """Floats may differ by rounding: -2^63 and 2^63 - 1 have the mean 0.0 or -0.5, as they are added up."""
    numbers = whole.history().select(pl.selectors.numeric().cast(pl.Float64).abs())
    for name in found.columns:
        field = name.partition("_")[0]
        size: Any = (numbers[field].max() if field in numbers.columns else None) or 0.0
        near = 1e-9 * max(1.0, size if math.isfinite(size) else 0.0)
        pl.testing.assert_frame_equal(found.select(name), expected.select(name), rel_tol=1e-9, abs_tol=near)


@pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning")
@settings(max_examples=examples(12))
@given(worlds(python=False), st.integers(0, 12), st.none() | moments())
def test_an_index_on_disk_answers_as_one_in_memory(world: World, cut: int, when: Any) -> None:
    """Asked between appends, of a log on disk: indexes in files, with tails, change no answer."""
    events = world.without(lambda _: True)
    with TemporaryDirectory() as folder:
        log = Log(Path(folder) / "log")
        stored = Timeline(log, world.plan, tuning=Tuning(index=Sizes(in_memory=0)))
        for part in (events[:cut], events[cut:]):
            if part:
                log.append(part)
            seen = events[: log.head]
            _assert_same_answers(stored, timeline(seen, world.plan), when)
        _assert_same_answers(Timeline(log, world.plan), timeline(events, world.plan), when)


def _assert_same_answers(stored: Timeline, plain: Timeline, when: Any) -> None:
    for question in (
        lambda t: t.as_of(when),
        lambda t: t.history(),
        lambda t: t.history(upto=3),
        lambda t: t.as_of(known_at="2024-03-31"),
        lambda t: t.changes(t.plan.fields[0]),
        lambda t: t.replay("a").to_frame(),
    ):
        assert_same(answer_of(question, stored), answer_of(question, plain))
