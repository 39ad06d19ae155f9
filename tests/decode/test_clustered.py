"""Clustered events: whatever is merged, filtered or selected, rows are those of the sorted frame."""

from bisect import bisect_right as bisect
from itertools import permutations
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventsource.decode import FOLD_ORDER, Clustered, WithTail, bisect_right, merge_events, sort_in_fold_order
from eventsource.event import TIMESTAMP

Row = tuple[str, int] | tuple[str, int, int | None]

_MOMENTS = st.tuples(st.sampled_from("abcde"), st.integers(0, 5))
_VERSIONS = st.none() | st.integers(0, 3) | st.sampled_from([-(2**63), -1, 2**63 - 1])
_NUMBERED = st.tuples(st.sampled_from("ab"), st.integers(0, 2), _VERSIONS)
ROWS = st.lists(_MOMENTS, max_size=12) | st.lists(_NUMBERED, max_size=12)
"""Entities and moments, and versions in half of the examples."""

SCHEMA = {"entity": pl.String(), "at": pl.Int64(), "version": pl.Int64(), "position": pl.Int64()}


def _events(rows: list[Row], first: int = 0) -> pl.DataFrame:
    """Return events of entities at moments, with positions in the given order."""
    numbered = [(*row, *[None] * (3 - len(row)), first + number) for number, row in enumerate(rows)]
    frame = pl.DataFrame(numbered, schema=SCHEMA, orient="row").with_columns(pl.col("at").cast(TIMESTAMP))
    return frame if frame["version"].count() else frame.drop("version")


def _concat(*frames: pl.DataFrame) -> pl.DataFrame:
    return pl.concat(frames, how="diagonal")


def _assert_is(events: Clustered, expected: pl.DataFrame) -> None:
    """Assert that clustered events are those of a frame, in fold order, whichever way they are read."""
    ordered = sort_in_fold_order(expected)
    assert events.table.select(ordered.columns).equals(ordered)
    assert events.in_order.select(ordered.columns[1:]).collect().equals(ordered.drop("entity"))
    assert events.collect("position").to_series().equals(ordered["position"])
    assert len(events) == ordered.height
    assert events.entities.to_list() == sorted(set(expected["entity"]))
    assert events.counts.tolist() == ordered.group_by("entity", maintain_order=True).len()["len"].to_list()
    assert events.entities.gather(events.owners).to_list() == ordered["entity"].to_list()


@given(ROWS)
def test_events_are_clustered_in_any_order(rows: list[Row]) -> None:
    """They are sorted by entity, moment, version and position."""
    _assert_is(Clustered.from_events(_events(rows)), _events(rows))


@given(ROWS, ROWS, ROWS)
def test_a_merge_is_what_sorting_both_gives(base: Any, tail: Any, newer: Any) -> None:
    """Newer events are found among older ones by their moment, new entities too; a merge can be merged again."""
    frames = [_events(base), _events(tail, 100), _events(newer, 200)]
    merged = Clustered.from_events(frames[0])
    for frame in frames[1:]:
        merged = merge_events(merged, Clustered.from_events(frame))
    _assert_is(merged, _concat(*frames))


@given(ROWS, ROWS, st.data())
def test_events_are_read_in_another_way_than_they_are_stored(base: Any, tail: Any, data: st.DataObject) -> None:
    """Hidden rows count nowhere; rows of the tail find their places at any position, also at a hidden one."""
    stored = _events(base)
    numbers = st.lists(st.integers(-5, 20), min_size=len(tail), max_size=len(tail), unique=True)
    added = _events(tail).with_columns(pl.Series("position", data.draw(numbers), pl.Int64))
    also = data.draw(st.sets(st.integers(0, max(len(base) - 1, 0))))
    hidden = pl.Series(sorted({*added["position"], *also}), dtype=pl.Int64)
    merged = merge_events(Clustered.from_events(stored), Clustered.from_events(added), without=hidden)
    expected = _concat(stored.filter(~pl.col("position").is_in(hidden.implode())), added)
    _assert_is(merged, expected)
    columns = merged.columns.collect()
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=columns.height, max_size=columns.height)), bool)
    selection = merged.select(mask)
    positions = merged.table["position"].filter(pl.Series(selection.in_order, dtype=pl.Boolean))
    assert selection.values(columns["position"]).to_list() == positions.to_list()
    if merged.entities.len():
        _assert_is(merged.where(pl.col("at").is_not_null()), expected)


@pytest.mark.parametrize("with_tail", [False, True])
@given(rows=ROWS, tail=ROWS, wanted=st.sets(st.sampled_from("abcdefg")), gap=st.integers(0, 20))
def test_filters(*, with_tail: bool, rows: Any, tail: Any, wanted: set[str], gap: int) -> None:
    """Conditions, moments, ids and ranges of ids leave the rows that a filter of the frame leaves."""
    frame = _concat(_events(rows), _events(tail, 100))
    events = Clustered.from_events(frame)
    if with_tail:
        events = merge_events(Clustered.from_events(_events(rows)), Clustered.from_events(_events(tail, 100)))
    ids, late = pl.Series(sorted(wanted), dtype=pl.String), pl.lit(3).cast(TIMESTAMP)
    moment = pl.Series([3]).cast(TIMESTAMP)[0]
    _assert_is(events.where(pl.col("at") > late), frame.filter(pl.col("at") > late))
    _assert_is(events.until(moment), frame.filter(pl.col("at") <= late))
    _assert_is(events.of_entities(ids, max_gap=gap), frame.filter(pl.col("entity").is_in(ids.implode())))
    _assert_is(
        events.between("b", "d"),
        frame.filter(pl.col("entity").is_between(pl.lit("b"), pl.lit("d"), closed="left")),
    )
    _assert_is(events.between("c", None), frame.filter(pl.col("entity") >= pl.lit("c")))


@given(ROWS, ROWS, st.data())
def test_selected_values_come_in_fold_order(rows: Any, tail: Any, data: st.DataObject) -> None:
    """A mask over the rows as they are stored selects values, and says which rows of the fold order they are."""
    events = merge_events(Clustered.from_events(_events(rows)), Clustered.from_events(_events(tail, 100)))
    columns = events.columns.collect()
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(events), max_size=len(events))), bool)
    selection = events.select(mask)
    positions = events.table["position"].filter(pl.Series(selection.in_order, dtype=pl.Boolean))
    assert selection.values(columns["position"]).to_list() == positions.to_list()
    assert sorted(positions) == sorted(columns["position"].filter(pl.Series(mask, dtype=pl.Boolean)))


def test_the_picture() -> None:
    """The example at the top of the module: two newer events find their places."""
    base = Clustered.from_events(_events([("a", 9), ("a", 12), ("b", 9), ("b", 13)]))
    both = merge_events(base, Clustered.from_events(_events([("a", 11), ("c", 9)], 4)))
    assert isinstance(both, WithTail)
    assert both.places.tolist() == [1, 5]
    assert both.collect("position").to_series().to_list() == [0, 4, 1, 2, 3, 5]


def test_the_fold_order() -> None:
    """Events without a version come first among those of one moment; position decides between equal versions."""
    assert FOLD_ORDER == ("entity", "at", "version", "position")
    rows: list[Row] = [("a", 1, 2), ("a", 1, None), ("a", 1, 1), ("a", 0, 9), ("a", 1, 2)]
    assert Clustered.from_events(_events(rows)).table["position"].to_list() == [3, 1, 2, 0, 4]


@pytest.mark.parametrize("versions", list(permutations([None, -(2**63), 2, 3])))
def test_a_newer_event_belongs_between_the_versions_of_its_moment(versions: tuple[int | None, ...]) -> None:
    """Events of one moment that arrive one by one are in the order of their versions, whatever came first."""
    merged = Clustered.from_events(_events([("b", 1)]))
    for number, version in enumerate(versions):
        merged = merge_events(merged, Clustered.from_events(_events([("a", 1, version)], 10 + number)))
    expected = sorted(range(4), key=lambda number: (versions[number] is not None, versions[number] or 0))
    assert merged.table["position"].to_list() == [10 + number for number in expected] + [0]


@given(st.lists(st.lists(st.integers(0, 9)), min_size=1, max_size=5), st.data())
def test_bisection_in_many_ranges(lists: list[list[int]], data: st.DataObject) -> None:
    """Each range is bisected like a list of its own."""
    ordered = [sorted(values) for values in lists]
    wanted = data.draw(st.lists(st.integers(-1, 10), min_size=len(lists), max_size=len(lists)))
    ends = np.cumsum([len(values) for values in ordered])
    begins = ends - [len(values) for values in ordered]
    values = np.array([value for values in ordered for value in values] or [0], np.int64)
    found = bisect_right(values, begins, ends, np.array(wanted))
    assert (found - begins).tolist() == [bisect(one, value) for one, value in zip(ordered, wanted, strict=True)]
