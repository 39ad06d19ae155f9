"""The pages of notebooks are true with any parameters: what they say in words is in their results."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from eventsource import report
from eventsource.errors import ReportError
from tests.notebooks import refresh
from tests.notebooks.figures import numbers_in, numbers_of
from tests.notebooks.runs import SETS, Run

every_notebook = pytest.mark.parametrize("prefix", SETS)


def test_all_notebooks_have_three_sets() -> None:
    """A new notebook is added to `SETS`."""
    assert [path.name[:2] for path in refresh.notebooks()] == list(SETS)
    assert {len(sets) for sets in SETS.values()} == {3}


@pytest.mark.slow
@every_notebook
def test_numbers_in_prose_are_results(runs: Callable[[str], list[Run]], prefix: str) -> None:
    """With each set of parameters, every number in the prose of the page is one of its results."""
    for each in runs(prefix):
        allowed = numbers_of(each.results()) | numbers_of(each.parameters)
        for text in each.prose():
            assert numbers_in(text) <= allowed, (each.parameters, text)


@pytest.mark.slow
@every_notebook
def test_other_parameters_give_other_findings(runs: Callable[[str], list[Run]], prefix: str) -> None:
    """What a page says depends on its parameters."""
    said = ["\n".join(each.prose()) for each in runs(prefix)]
    assert len(set(said)) == len(said)


@pytest.mark.slow
def test_the_page_of_a_customer_shows_no_other(runs: Callable[[str], list[Run]]) -> None:
    """Notebook 04 shows the tickets and the name of the customer that it is about, and of no other."""
    for each in runs("04"):
        number = each.results()["customer"].removeprefix("customer-")
        assert set(re.findall(r"\bT-(\d+)-\d", each.shown())) <= {number}
        assert set(re.findall(r"\bcustomer-?(\d+)", each.shown())) <= {number}


@pytest.mark.slow
def test_a_day_that_is_named_twice_counts_once(runs: Callable[[str], list[Run]]) -> None:
    """Notebook 02 asks about the day in question and three others; each counts its customers once."""
    for each in runs("02"):
        named = each.results()
        assert named["several"][-1] == named["premium"]


def test_the_check_finds_wrong_numbers() -> None:
    """A number, a share or a word that is not a result is found; code and links are passed over."""
    allowed = numbers_of({"premium": 1234, "share": 0.4, "rows": [("a", 7)]})
    assert numbers_in("1,234 of them, 40 %, `as_of(99)` [7](x_05.ipynb)") <= allowed
    assert numbers_in("1,235 of them") - allowed == {"1,235"}
    assert numbers_in("Four in ten had it, twice as many") - allowed == {"four", "ten", "twice"}


def test_parameters_that_cannot_be_are_refused(tmp_path: Path) -> None:
    """A report that was known before the day it is about stops at once, and says what to change."""
    (path,) = refresh.notebooks("02")
    with pytest.raises(ReportError, match=r"expected known_at not to be before as_of, 2024-06-30, got 2024-06-01"):
        report.run(path, {"known_at": "2024-06-01"}, out=tmp_path)
