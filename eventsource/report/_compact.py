"""The charts of a board in few bytes: charts at neighbouring stops differ in some numbers only.

A text, a list, an object, or the rows of a frame is written once. Where it occurs, its kind and number name it::

    [{"mark": "bar", "rows": [{"city": "Łódź", "n": 3}, {"city": "Roma", "n": 2}]}, {"mark": "bar", "rows": […]}]

    text   ["bar", "Łódź", "Roma"]
    names  [["city", "n"], ["mark", "rows"]]
    list   [["t1", "t2"], [3, 2]]
    rows   [[0, "l0", "l1"], …]            the number of the names, then the columns
    object [[1, "t0", "r0"], [1, "t0", "r1"]]
    values ["o0", "o1"]

Numbers, true, false, and null stand for themselves. Each text in `values` is such a name. `following.js` reads it.
"""

from collections.abc import Mapping, Sequence
from json import dumps
from typing import Any

__all__ = ["compact"]


def compact(values: Sequence[Any]) -> dict[str, list[Any]]:
    """Return JSON values as JSON in which nothing is written twice."""
    tables = _Tables()
    named = [tables.named(value) for value in values]
    return {"values": named, "names": tables.names, **tables.found}


class _Tables:
    """What was found so far, of each kind."""

    def __init__(self) -> None:
        self.found: dict[str, list[Any]] = {"text": [], "list": [], "rows": [], "object": []}
        self.names: list[list[str]] = []
        self._numbers: dict[tuple[str, str], int] = {}

    def named(self, value: Any) -> Any:
        """Return what stands for a value."""
        if isinstance(value, str):
            return self._entry("text", value)
        if isinstance(value, Mapping):
            return self._entry("object", [self._shape(list(value)), *map(self.named, value.values())])
        if not isinstance(value, list | tuple):
            return value
        if names := _columns(value):
            columns = ([row[name] for row in value] for name in names)
            return self._entry("rows", [self._shape(names), *map(self.named, columns)])
        return self._entry("list", [self.named(each) for each in value])

    def _entry(self, kind: str, value: Any) -> str:
        return f"{kind[0]}{self._number(kind, value, self.found[kind])}"

    def _shape(self, names: list[str]) -> int:
        return self._number("names", names, self.names)

    def _number(self, kind: str, value: Any, known: list[Any]) -> int:
        """Return the number of a value among those of its kind; JSON tells 1, 1.0 and true apart."""
        number = self._numbers.setdefault((kind, dumps(value)), len(known))
        if number == len(known):
            known.append(value)
        return number


def _columns(values: Sequence[Any]) -> list[str]:
    """Return the names that all values have in one order; empty: they are not the rows of a frame."""
    if not values or not all(isinstance(value, Mapping) for value in values):
        return []
    names = list(values[0])
    return names if all(list(value) == names for value in values) else []
