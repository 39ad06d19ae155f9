"""Wrong arguments end in errors of this package, which say what to write instead."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

import eventsource as es
from eventsource.errors import EventsourceError
from eventsource.testing import MemoryLog, event


class Shopper(es.Model, created="Joined"):
    """A model with one number."""

    spent = es.total("Paid", of="amount")


STORY = [event("Joined", at="2024-01-01"), event("Paid", at="2024-02-01", amount=3)]


def shoppers() -> es.Timeline:
    return es.Timeline(MemoryLog(STORY), Shopper)


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (lambda: es.Timeline("folder", Shopper), "es.Log('folder')"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: shoppers().as_of(20240630), "expected a moment, or several, got 20240630"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: shoppers().explain({"id": 1}), "expected the id of one entity"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: shoppers().trend("spent", every="1mo"), "expected measures as name"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: shoppers().trend({"x": "spent"}, every="1mo"), "expected measures as name"),  # type: ignore[dict-item]  # wrong on purpose
        (
            lambda: shoppers().trend({"x": pl.col("spent")}, every="1mo"),
            "expected an aggregation, got the measure 'x'",
        ),
        (
            lambda: shoppers().trend({"x": pl.col("spent").unique()}, every="1mo"),
            "expected an aggregation, got the measure 'x'",
        ),
    ],
)
def test_a_wrong_argument_is_an_error_with_advice(question: Callable[[], Any], message: str) -> None:
    """No error of Polars or Python gets through."""
    with pytest.raises(EventsourceError) as caught:
        question()
    assert message in str(caught.value)


def test_a_path_in_place_of_a_source(tmp_path: Any) -> None:
    """A pull names the function that makes a source of a path."""
    with pytest.raises(EventsourceError, match=r"es\.source\('raw'\)"):
        es.Log(tmp_path / "log").pull("raw")  # type: ignore[arg-type]  # wrong on purpose


def test_a_lazy_frame_joins() -> None:
    """It is collected first."""
    rows = pl.LazyFrame({"who": ["entity-1"], "when": ["2024-03-01"]})
    assert shoppers().join(rows, on="who", at="when")["spent"].to_list() == [3]
