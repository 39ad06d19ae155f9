"""``entity=`` takes any iterable of texts or integers, in every question."""

from collections.abc import Callable
from enum import Enum, IntEnum
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import eventsource as es
from eventsource.errors import ModelError
from eventsource.testing import MemoryLog, event
from eventsource.timeline import Timeline


class Kind(str, Enum):  # noqa: UP042 - its text is "Kind.A", unlike that of a StrEnum
    """Texts that print as the names of their members."""

    A = "a"
    B = "b"


class Number(IntEnum):
    """Integers with a name."""

    SEVEN = 7


class Shouted(str):
    """A text that prints as another one."""

    __slots__ = ()

    def __str__(self) -> str:
        return self.upper()


class Payer(es.Model):
    """A model with one number."""

    paid = es.total("Paid", of="x")


STORY = [
    event("Paid", name, at="2024-01-01", x=number) for number, name in enumerate(["7", "8", "a", "b"], start=1)
]

QUESTIONS: dict[str, Callable[[Timeline, Any], pl.DataFrame]] = {
    "as_of": lambda t, ids: t.as_of(entity=ids),
    "as_of several moments": lambda t, ids: t.as_of(["2024-01-01"], entity=ids),
    "history": lambda t, ids: t.history(ids),
    "changes": lambda t, ids: t.changes("paid", entity=ids),
    "diff": lambda t, ids: t.diff("2023-01-01", "2024-01-01", entity=ids),
}


def _payers() -> Timeline:
    return Timeline(MemoryLog(STORY), Payer)


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ("a", ["a"]),
        (7, ["7"]),
        (["a", "b"], ["a", "b"]),
        (("b",), ["b"]),
        ({"a", "b"}, ["a", "b"]),
        (frozenset([7, 8]), ["7", "8"]),
        ([7, "a"], ["7", "a"]),
        (range(7, 9), ["7", "8"]),
        ({"a": 1}.keys(), ["a"]),
        ([], []),
        ([None, "a"], ["a"]),
        (pl.Series(["a", None, "nobody"]), ["a"]),
        (pl.Series([7, 8], dtype=pl.UInt8), ["7", "8"]),
        (pl.Series(["a", "b"], dtype=pl.Categorical()), ["a", "b"]),
        (pl.Series(["a"], dtype=pl.Enum(["a", "b"])), ["a"]),
        (pl.Series([None]), []),
        (pd.Series(["a", "b"]), ["a", "b"]),
        (pd.Index([7]), ["7"]),
        (np.array([7, 8]), ["7", "8"]),
        (np.array(["a"]), ["a"]),
        (np.array("a"), ["a"]),
        (np.array(7), ["7"]),
        (np.int64(7), ["7"]),
        (np.array(["a", None], dtype=object), ["a"]),
        (pd.Series(["a", None]), ["a"]),
        (pd.Series(["a", np.nan], dtype=object), ["a"]),
        (pd.Series(["a", None], dtype="string"), ["a"]),
        (pd.Series([7, None], dtype="Int64"), ["7"]),
        (pd.Series(["a", None], dtype="category"), ["a"]),
        (Kind.A, ["a"]),
        ([Kind.A, Kind.B], ["a", "b"]),
        (Shouted("a"), ["a"]),
        (Number.SEVEN, ["7"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_any_iterable_of_ids_names_entities(question: str, ids: Any, expected: list[str]) -> None:
    """Lists, sets, ranges, Series and arrays; integers are matched as text, nulls match nothing."""
    assert QUESTIONS[question](_payers(), ids)["entity"].to_list() == expected


def test_a_generator_names_entities() -> None:
    """It is read once."""
    assert _payers().as_of(entity=(name for name in "ab"))["entity"].to_list() == ["a", "b"]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(
    "ids",
    [
        True,
        1.5,
        b"a",
        memoryview(b"\x07"),
        np.array(1.5),
        np.array([True]),
        {"a": 1},
        [True],
        [1.5],
        [["a"]],
        pl.Series([1.5]),
        pl.Series([True]),
        pl.DataFrame({"id": ["a"]}),
    ],
)
def test_other_values_are_refused(question: str, ids: Any) -> None:
    """The message says what was expected and what was given."""
    with pytest.raises(ModelError, match="expected texts or integers as entity, got") as caught:
        QUESTIONS[question](_payers(), ids)
    assert caught.value.hint


@pytest.mark.parametrize("ids", [["a", "b"], None, True, {"a"}, 1.5])
def test_questions_for_one_entity_take_one_id(ids: Any) -> None:
    """``explain`` and ``replay`` show one entity."""
    for ask in (_payers().explain, _payers().replay):
        with pytest.raises(ModelError, match="expected"):
            ask(ids)


def test_questions_for_one_entity_take_an_integer() -> None:
    """An integer is matched as text."""
    assert _payers().explain(7)["value"].to_list() == [1]
    assert [step.type for step in _payers().replay(8)] == ["Paid"]
    assert _payers().replay(8).entity == "8"


def test_questions_for_one_entity_take_texts_of_any_class() -> None:
    """What the text holds counts, not how it prints."""
    for entity in (Kind.A, Shouted("a")):
        assert _payers().explain(entity)["value"].to_list() == [3]
        assert _payers().replay(entity).entity == "a"


def test_the_column_of_a_join_follows_the_same_rules() -> None:
    """Texts, integers and categories; the message names the column."""
    at = pl.Series("at", ["2024-01-02"] * 2)
    for ids in (pl.Series(["a", None]), pl.Series([7, 8]), pl.Series(["a", "b"], dtype=pl.Categorical())):
        joined = _payers().join(pl.DataFrame([ids.alias("id"), at]), on="id", at="at")
        assert joined["paid"].null_count() == ids.null_count()
    with pytest.raises(ModelError, match="as column 'id', got dtype Float64"):
        _payers().join(pl.DataFrame([pl.Series("id", [1.5, 2.5]), at]), on="id", at="at")
