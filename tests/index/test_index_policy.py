"""The size policy of the index, without files: which runs merge, which parts are rewritten, where parts split."""

import itertools
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventsource.index._policy import (
    Sizes,
    first_entities,
    is_rebuild_cheaper,
    parts_to_rewrite,
    runs_to_merge,
    split_entity,
)

ROWS = st.lists(st.integers(0, 1000), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("rows", "max_run", "count"),
    [
        ([800, 200, 90, 40, 20, 15], 10_000, 5),  # the picture in the module
        ([5], 10_000, 1),
        ([100, 10], 10_000, 1),
        ([20, 10], 10_000, 2),
        ([21, 10], 10_000, 1),
        ([20, 10], 29, 1),
        ([0, 0, 0], 10_000, 3),
        ([5, 0], 10_000, 1),
        ([0, 5], 10_000, 2),
    ],
)
def test_runs_merge_while_sizes_are_alike(rows: list[int], max_run: int, count: int) -> None:
    """The newest runs become one while the run before is at most twice as large and the result not too large."""
    assert runs_to_merge(rows, max_run) == count


@given(st.lists(st.integers(1, 500), min_size=1, max_size=300))
def test_runs_stay_few(added: list[int]) -> None:
    """After each update, every run is more than twice as large as the next, so there are about log2 of them."""
    runs: list[int] = []
    for rows in added:
        runs.append(rows)
        count = runs_to_merge(runs, 10**9)
        runs[-count:] = [sum(runs[-count:])]
        assert all(before > 2 * after for before, after in itertools.pairwise(runs))
    assert len(runs) <= math.log2(sum(added)) + 1
    assert sum(runs) == sum(added)


@given(ROWS, st.integers(1, 3000))
def test_a_merged_run_is_not_too_large(rows: list[int], max_run: int) -> None:
    """Only a run that was too large before stays larger than the bound."""
    count = runs_to_merge(rows, max_run)
    assert count == 1 or sum(rows[-count:]) <= max_run


def test_parts_are_built_again_when_most_events_are_pending() -> None:
    """Merging costs as much then, and would leave parts to split."""
    assert is_rebuild_cheaper(100, 101)
    assert not is_rebuild_cheaper(100, 100)


def test_only_due_parts_are_rewritten() -> None:
    """A part is due when its pending events are more than a share of its rows; the most urgent comes first."""
    chosen = parts_to_rewrite([160, 160, 160, 160], [10, 11, 0, 99], added=1000, rewrite_share=1 / 16)
    assert chosen == [3, 1]


def test_an_update_rewrites_no_more_than_its_events_are_worth() -> None:
    """Many parts are due, and one event is added: one part is rewritten, the others later."""
    rows, pending = [100] * 50, [50 + number for number in range(50)]
    assert parts_to_rewrite(rows, pending, added=1, rewrite_share=1 / 16) == [49]
    assert len(parts_to_rewrite(rows, pending, added=10, rewrite_share=1 / 16)) == 4
    assert parts_to_rewrite(rows, pending, added=0, rewrite_share=1 / 16) == []


@given(st.lists(st.lists(st.integers(0, 40), min_size=4, max_size=4), min_size=1, max_size=80))
def test_an_event_costs_a_bounded_number_of_writes(updates: list[list[int]]) -> None:
    """Whatever is added where, at most 1 / share + 1 rows are written for each event that was added."""
    share = 1 / 4
    rows, pending, written = [100] * 4, [0] * 4, 0
    for update in updates:
        pending = [before + new for before, new in zip(pending, update, strict=True)]
        for number in parts_to_rewrite(rows, pending, added=sum(update), rewrite_share=share):
            rows[number] += pending[number]
            written += rows[number]
            pending[number] = 0
    added = sum(map(sum, updates))
    assert written <= added * (1 / share + 1)


@given(st.lists(st.text("abc", max_size=3), min_size=1, max_size=200), st.integers(1, 50))
def test_parts_begin_at_entities_that_are_there(entities: list[str], part: int) -> None:
    """The first part begins at "", and the others ascend from there, about as many as needed."""
    sample = pl.Series(sorted(entities))
    firsts = first_entities(sample, len(sample), part)
    assert firsts[0] == ""
    assert all(first in entities for first in firsts[1:])
    assert firsts[1:] == sorted(set(firsts[1:]))
    assert len(firsts) <= -(-len(sample) // part)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40), st.integers(1, 200))
def test_a_large_part_is_halved_between_two_entities(counts: list[int], part: int) -> None:
    """Both halves have entities; neither has more rows than half and one entity."""
    starts = np.append(0, np.cumsum(counts))
    middle = split_entity(starts, part)
    if sum(counts) <= 2 * part or len(counts) == 1:
        assert middle is None
        return
    assert middle is not None
    halves = sum(counts[:middle]), sum(counts[middle:])
    assert min(halves) > 0
    assert max(halves) <= sum(counts) / 2 + max(counts)


def test_wide_rows_make_smaller_files() -> None:
    """Files of about as many bytes hold fewer rows; no bound becomes zero."""
    sizes = Sizes(max_run=100, part=40, max_sort=2).for_width(4)
    assert (sizes.max_run, sizes.part, sizes.max_sort) == (25, 10, 1)
