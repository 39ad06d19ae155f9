"""No sentence of a report is false, with any of three sets of its parameters: what it says in words is true, too.

`test_parameters` finds every number of a sentence among the results. Here are the words, such as *fell* and
*never*, and the definitions in `reports/`: with each set they ask what the notebook was asked whose sentences are
read.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from eventsource.moment import last_instant, parse_moment
from eventsource.report import Definition, definitions
from eventsource.report._job import job_of
from eventsource.report._words import is_moment
from tests.notebooks import refresh
from tests.notebooks.claims import WORDS, claimed, sentences
from tests.notebooks.figures import numbers_in, numbers_of
from tests.notebooks.runs import SETS, Run

ROOT = Path(__file__).parents[2]
DEFINITIONS = definitions(ROOT / "reports")
NOW = datetime(2025, 1, 15, 12, tzinfo=UTC)
every_definition = pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda each: each.name)


@pytest.mark.slow
@pytest.mark.parametrize("prefix", SETS)
def test_words_are_true(runs: Callable[[str], list[Run]], prefix: str) -> None:
    """With each set of parameters, a sentence that claims something in words says what the results say."""
    for each in runs(prefix):
        named = each.results()
        for text in each.computed():
            for sentence in sentences(text):
                assert claimed(prefix, sentence, named) is not False, (each.parameters, sentence)


@pytest.mark.parametrize("path", refresh.notebooks(), ids=lambda path: path.stem)
def test_what_does_not_follow_the_parameters_claims_nothing(path: Path) -> None:
    """A Markdown cell is the same with all parameters, so that it cannot say what rose or fell."""
    moves = re.compile(r"\b(rose|fell|grew|shrank|increased|decreased|doubled|more of|fewer)\b")
    for cell in refresh.read(path).cells:
        if cell.cell_type == "markdown" and "remove-cell" not in refresh.tags(cell):
            assert not moves.search(cell.source), cell.source


@pytest.mark.slow
@every_definition
def test_a_definition_asks_what_its_notebook_is_asked(
    runs: Callable[[str], list[Run]], definition: Definition
) -> None:
    """With three sets of parameters: the same moments, a title with their numbers, and a page of their own."""
    found = runs(definition.notebook.name[:2])
    titles = []
    for each, given in zip(found, SETS[definition.notebook.name[:2]], strict=True):
        job = job_of(definition, _texts(given), root=ROOT, log=None, now=NOW)
        named = each.results()
        for name in job.values.keys() & named.keys():
            asked, found_by = (_instant(value, job.tz) for value in (job.values[name], named[name]))
            assert asked == found_by, (definition.name, name)
        allowed = numbers_of(list(job.values.values())) | numbers_of(named)
        manifest = job.manifest(_texts(given))
        assert numbers_in(f"{manifest['title']} {manifest['description']}") <= allowed
        titles.append(f"{manifest['title']} {manifest['shown']}")
    assert len(set(titles)) == len(titles)


def test_false_words_are_found() -> None:
    """The table knows a true sentence from a false one, and one that it does not know is an error."""
    named = {"customers_now": 3, "customers_then": 4, "plans_now": 1, "plans_then": 1, "ended": [("a", "b")]}
    assert claimed("05", "From May to June the number of customers fell: from 4 to 3.", named)
    assert claimed("05", "From May to June the number of customers rose: from 4 to 3.", named) is False
    assert claimed("05", "That of premium plans did not change: from 1 to 1.", named)
    assert claimed("03", "No plan of customer-9 ended by 31 May 2024.", named) is False
    assert claimed("03", "The plan was cancelled on 1 May 2024: support too slow.", named) is None
    with pytest.raises(AssertionError, match="0 claims match"):
        claimed("05", "Churn never grew.", named)


def test_sentences_of_a_list() -> None:
    """Items are texts of their own, and escaped letters are themselves."""
    assert sentences("- It rose\\. By 3\\.\n- *a\\-b* fell\\.") == ["It rose.", "By 3.", "*a-b* fell."]
    assert WORDS.search("None of them")


def _instant(value: Any, tz: str) -> str:
    """Return a value as a text; an instant as one of UTC, whichever clock names it."""
    if not is_moment(str(value)) or not isinstance(parse_moment(str(value)), datetime):
        return str(value)
    return str(last_instant(str(value), tz))


def _texts(given: Mapping[str, Any]) -> dict[str, str]:
    """Return parameters as a command line has them, without those that name files of the test."""
    return {name: str(value) for name, value in given.items() if name not in ("raw", "log_path")}
