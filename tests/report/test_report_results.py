"""Named results: what notebooks give, and what is read from them."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import nbformat
import polars as pl
import pytest

from eventsource import report
from eventsource.errors import ReportError
from eventsource.mime_types import RESULTS
from eventsource.report._execute import execute, read
from eventsource.report._results import plain_value


def executed(*outputs: dict[str, Any]) -> nbformat.NotebookNode:
    """Return a notebook with one cell per output."""
    cells = [
        nbformat.v4.new_code_cell("x", outputs=[nbformat.v4.new_output("display_data", {RESULTS: output})])
        for output in outputs
    ]
    return nbformat.v4.new_notebook(cells=cells)


def test_results_of_all_cells_are_one_set() -> None:
    """The union in order; the same value again is fine, other members of an output are left alone."""
    notebook = executed({"results": {"premium": 126}, "board": []}, {"results": {"premium": 126, "share": None}})
    assert report.named_results(notebook) == {"premium": 126, "share": None}


@pytest.mark.parametrize("second", [127, 126.0, "126", None, True])
def test_a_name_has_one_value(second: Any) -> None:
    """Another value, or the same of another kind, is an error that names cell and name."""
    with pytest.raises(ReportError, match=r"cell 2: result 'premium' was 126 before"):
        report.named_results(executed({"results": {"premium": 126}}, {"results": {"premium": second}}))


@pytest.mark.parametrize("output", [{}, {"results": [1]}, {"results": {"a": [1]}}])
def test_an_output_of_another_shape_is_an_error(output: dict[str, Any]) -> None:
    """A list, or an object without the member, does not count as results."""
    with pytest.raises(ReportError, match="expected"):
        report.named_results(executed(output))


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Decimal("12.50"), 12.5),
        (Decimal("1E+3"), 1000),
        (Decimal("0.1234567890123456789"), "0.1234567890123456789"),
        (date(2024, 6, 30), "2024-06-30"),
        (datetime(2024, 6, 30, 12, tzinfo=UTC), "2024-06-30T12:00:00+00:00"),
        (timedelta(minutes=2), 120.0),
        (pl.DataFrame({"n": [3]}), 3),
        (True, True),
    ],
)
def test_values_become_plain(value: Any, plain: Any) -> None:
    """Decimals, moments and frames of one cell become what JSON holds."""
    found = plain_value("x", value)
    assert (found, type(found)) == (plain, type(plain))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1], {"a": 1}, object()])
def test_other_values_are_refused(value: Any) -> None:
    """NaN is not a figure, nor is a list."""
    with pytest.raises(ReportError, match="result 'x': expected"):
        plain_value("x", value)


def test_a_notebook_names_results(notebook: Callable[..., Path], tmp_path: Path) -> None:
    """`report.result` displays them anywhere in a cell; the page does not show the output."""
    path = notebook(
        "# R", 'from eventsource import report\nreport.result("a", 1)\nreport.result(b="x", c=None)\n1'
    )
    done = execute(read(path), {}, folder=tmp_path, failed=tmp_path / "failed.ipynb")
    assert report.named_results(done) == {"a": 1, "b": "x", "c": None}
    with pytest.raises(ReportError, match="expected a name and a value"):
        report.result()
