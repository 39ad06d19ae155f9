"""Parameters of reports: what a notebook declares, and which values are valid."""

from datetime import UTC, datetime

import nbformat
import pytest

from eventsource.errors import ReportError
from eventsource.report._parameters import as_source, declared, resolved

NOW = datetime(2024, 7, 15, 12, tzinfo=UTC)
CELL = """
as_of: str = "2024-06-30"  # the day in question
limit: int | None = None  # rows
share: float = 0.5
strict: bool = False
day: date = "2024-01-01"
names: list[str] = ["a"]
plain = 3
"""


def _notebook(source: str) -> nbformat.NotebookNode:
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})
    return nbformat.v4.new_notebook(cells=[cell])


def test_declarations_have_types_defaults_and_help() -> None:
    """A name, an annotation or the type of the default, the default, the comment after it."""
    found = {parameter.name: parameter for parameter in declared(_notebook(CELL))}
    assert [(p.name, p.type, p.default, p.optional) for p in found.values()] == [
        ("as_of", "str", "2024-06-30", False),
        ("limit", "int", None, True),
        ("share", "float", 0.5, False),
        ("strict", "bool", False, False),
        ("day", "date", "2024-01-01", False),
        ("names", "list", ["a"], False),
        ("plain", "int", 3, False),
    ]
    assert found["as_of"].help == "the day in question"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("limit", "5", 5),
        ("limit", "none", None),
        ("share", "0.25", 0.25),
        ("strict", "yes", True),
        ("names", "a, b", ["a", "b"]),
        ("day", "yesterday", "2024-07-14"),
        ("as_of", "-7d", "2024-07-08"),
        ("as_of", "month_end", "2024-06-30"),
        ("as_of", "today", "2024-07-15"),
        ("as_of", "2024-02-29", "2024-02-29"),
    ],
)
def test_texts_become_values_of_the_type(name: str, text: str, value: object) -> None:
    """A given text is converted by the declared type; relative days become that day."""
    assert resolved(declared(_notebook(CELL)), {name: text}, now=NOW)[name] == value


@pytest.mark.parametrize(("name", "text"), [("limit", "x"), ("day", "soon"), ("strict", "maybe"), ("share", "")])
def test_invalid_values_are_refused(name: str, text: str) -> None:
    """The error names the parameter, the text and the type."""
    with pytest.raises(ReportError, match=name):
        resolved(declared(_notebook(CELL)), {name: text}, now=NOW)


def test_only_literals_are_parameters() -> None:
    """Code in the parameters cell is an error, and so is a parameter of a notebook without such a cell."""
    with pytest.raises(ReportError, match="literal"):
        declared(_notebook("x = open('y')"))
    with pytest.raises(ReportError, match="expected an assignment in line 1"):
        declared(_notebook("import os"))
    with pytest.raises(ReportError, match="tag a cell"):
        resolved([], {"x": "1"})


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("name", "text", "source"),
    [
        ("share", "inf", 'float("inf")'),
        ("share", "-Infinity", 'float("-inf")'),
        ("share", "nan", 'float("nan")'),
        ("share", "1e999", 'float("inf")'),
        ("share", "0.1", "0.1"),
        ("as_of", 'x"); import os #', "'x\"); import os #'"),
        ("as_of", "a\nimport os", "'a\\nimport os'"),
        ("names", "inf,a'b", "['inf', \"a'b\"]"),
        ("limit", "7", "7"),
    ],
)
def test_values_go_into_the_notebook_as_literals(name: str, text: str, source: str) -> None:
    """Whatever was typed is a value, never code; infinity and NaN are numbers, not names."""
    value = resolved(declared(_notebook(CELL)), {name: text}, now=NOW)[name]
    assert as_source(value) == source
    assert repr(eval(source)) == repr(value)  # noqa: S307 - what the notebook does with it


def test_defaults_with_infinity_are_literals() -> None:
    """A default may have infinity anywhere."""
    (parameter,) = declared(_notebook("a = [(1e999,), {'x': {-1e999}}, {}, (), [], True, None, 'b']"))
    assert as_source(parameter.default) == (
        "[(float(\"inf\"), ), {'x': {float(\"-inf\")}}, {}, (), [], True, None, 'b']"
    )
    assert eval(as_source(parameter.default)) == parameter.default  # noqa: S307 - what the notebook does with it
