"""Charts: data stays data, numbers stay exact, time is UTC."""

from datetime import UTC, date, datetime
from typing import Any

import nbformat
import polars as pl
import pytest

from eventsource import charts
from eventsource.errors import ReportError

FRAME = pl.DataFrame(
    {"day": [date(2024, 1, 31), date(2024, 2, 29)], "n": [1, 2], "id": [2**60, 1], "a.b[0]": ["x", "y"]}
)


def _values(chart: object) -> list[dict[str, object]]:
    spec = chart.to_dict()  # type: ignore[attr-defined]
    return next(iter(spec["datasets"].values())) if "datasets" in spec else spec["data"]["values"]


def test_names_of_fields_are_not_instructions() -> None:
    """A column with a name that has a meaning in Vega-Lite is only a column."""
    spec = charts.bars(FRAME, "a.b[0]", "n").to_dict()
    assert spec["encoding"]["x"]["field"] == "a\\.b\\[0\\]"
    assert spec["encoding"]["x"]["type"] == "ordinal"


def test_large_integers_are_texts() -> None:
    """JavaScript would round an id beyond 2**53, so it becomes a text."""
    assert _values(charts.bars(FRAME, "id", "n"))[0]["id"] == str(2**60)


def test_time_axes_are_utc() -> None:
    """Moments are texts with a zone, on a UTC scale."""
    spec = charts.line(FRAME, "day", "n", title="T").to_dict()
    assert spec["encoding"]["x"]["scale"] == {"type": "utc"}
    assert spec["description"] == "T"
    assert _values(charts.line(FRAME, "day", "n"))[0]["day"] == "2024-01-31T00:00:00.000Z"


def test_categories_of_time_are_short_and_distinct() -> None:
    """Bars by month have the month as their name."""
    assert _values(charts.bars(FRAME, "day", "n"))[0]["day"] == "2024-01"


def test_open_intervals_end_with_the_frame() -> None:
    """An open interval is drawn up to the latest moment in the frame."""
    frame = pl.DataFrame(
        {
            "valid_from": [datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)],
            "valid_to": [datetime(2024, 2, 1, tzinfo=UTC), None],
            "p": [0, 1],
        }
    )
    assert _values(charts.intervals(frame, "p"))[1]["valid_to"] == "2024-02-01T00:00:00.000Z"


def test_too_many_rows_and_unknown_columns_are_refused() -> None:
    """A chart of a raw log is an error that says to aggregate; so is an unknown column."""
    with pytest.raises(ReportError, match="aggregate"):
        charts.line(pl.DataFrame({"x": range(5001), "y": range(5001)}), "x", "y")
    with pytest.raises(ReportError, match="'z'"):
        charts.line(FRAME, "z", "n")


def test_notebooks_store_specifications() -> None:
    """A notebook stores a chart as JSON that nbformat accepts, without a script."""
    bundle: Any = charts.line(FRAME, "day", "n")._repr_mimebundle_()
    assert charts.MIMETYPE in bundle
    assert "text/html" not in bundle
    output = nbformat.v4.new_output("display_data", data=bundle)
    cell = nbformat.v4.new_code_cell("", outputs=[output], id="x")
    nbformat.validate(nbformat.v4.new_notebook(cells=[cell]))
