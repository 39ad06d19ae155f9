"""Intervals of shares: the textbook's numbers, and what cannot be."""

from statistics import NormalDist

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventsource.shares import LEVEL, share_interval


def _interval(share: float | None, n: int | None) -> tuple[float | None, float | None]:
    frame = pl.DataFrame({"share": [share], "n": [n]}, schema={"share": pl.Float64, "n": pl.UInt32})
    low, high = frame.select(*share_interval("share", "n")).row(0)
    return low, high


@pytest.mark.parametrize(
    ("share", "n", "low", "high"),
    [(0.75, 12, 0.4677, 0.9111), (0.0, 20, 0.0, 0.1611), (1.0, 20, 0.8389, 1.0), (0.46875, 32, 0.3087, 0.6355)],
)
def test_published_values(share: float, n: int, low: float, high: float) -> None:
    """Those of Newcombe (1998) and of common statistics packages."""
    assert list(_interval(share, n)) == pytest.approx([low, high], abs=5e-5)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_ends_are_where_the_score_test_turns(counts: tuple[int, int]) -> None:
    """At each end, the share that was seen is as far away as the level allows."""
    seen, n = counts
    share, z = seen / n, NormalDist().inv_cdf((1 + LEVEL) / 2)
    low, high = _interval(share, n)
    assert low is not None
    assert high is not None
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1
    for end in (low, high):
        assert (share - end) ** 2 == pytest.approx(z**2 * end * (1 - end) / n, abs=1e-9)


@pytest.mark.parametrize(("share", "n"), [(None, 5), (0.5, 0), (0.5, None), (None, None)])
def test_a_share_of_nothing_has_no_interval(share: float | None, n: int | None) -> None:
    """Null, not zero or infinity."""
    assert _interval(share, n) == (None, None)
