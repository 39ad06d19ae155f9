"""Touched rows: how many of them are before a row."""

from random import Random

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from eventsource.operations import TouchedRows
from eventsource.operations._touched_rows import expand_ranges

_masks = st.lists(st.booleans(), max_size=300).map(lambda found: np.array(found, bool))


@given(_masks)
def test_touches_before_each_row_are_counted(mask: np.ndarray) -> None:
    """The ranks equal those of a binary search, before each row and after the last."""
    touched, rows = TouchedRows(mask, np.array([0, len(mask)])), np.arange(len(mask) + 1)
    assert touched.before(rows).tolist() == np.searchsorted(np.flatnonzero(mask), rows).tolist()
    assert len(touched) == mask.sum() == touched.longest


@given(_masks, st.randoms(use_true_random=False))
def test_touches_are_counted_after_some_are_left_out(mask: np.ndarray, random: Random) -> None:
    """Rows that a mask leaves out touch nothing."""
    touched, rows = TouchedRows(mask, np.array([0, len(mask)])), np.arange(len(mask) + 1)
    mask_of_touches = pl.Series([random.random() < 0.5 for _ in range(len(touched))], dtype=pl.Boolean)
    fewer = touched.where(mask_of_touches)
    assert fewer.rows.tolist() == touched.rows[mask_of_touches.to_numpy()].tolist()
    assert fewer.before(rows).tolist() == np.searchsorted(fewer.rows, rows).tolist()


def test_ranges_are_written_out() -> None:
    """One range after the other; an empty one gives nothing."""
    assert expand_ranges(np.array([0, 4, 9]), np.array([2, 4, 11])).tolist() == [0, 1, 9, 10]
