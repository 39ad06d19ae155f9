"""How the bytes of a raw file are to be read: its encoding, its array of records, its decimal commas."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

__all__ = ["ENCODINGS", "guess_decimal", "guess_records", "has_other_encoding"]

ENCODINGS: Final = ("cp1252", "latin-1")
"""Encodings to try where a text is not UTF-8; the second one reads every byte."""

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]', re.DOTALL)
_DECIMAL: Final = re.compile(r"[+-]?(\d{1,3}([.\u00a0\u202f' ]\d{3})+|\d+),\d+")
_WHOLE: Final = re.compile(r"[+-]?(\d{1,3}([.\u00a0\u202f' ]\d{3})+|\d+)")
_NEARLY_ALL: Final = 0.9


def has_other_encoding(rejected: pl.DataFrame) -> bool:
    """Return whether lines were rejected, or a whole file was, since they are not UTF-8."""
    return bool(rejected["reason"].str.contains("not UTF-8", literal=True).any())


def guess_records(raw: bytes) -> str | None:
    """Return the path of the array with the most objects, in an object that holds arrays; None: there is none.

    The text may be cut: of a large document only the first part is known. Example::

        {"meta": {"tags": [{"k": 1}]}, "Records": [{"a": 1}, {"a": 2}, …        meta.tags 1, Records 2
    """
    counts: dict[str, int] = {}
    path: list[str | None] = []  # of each open bracket the member that it is the value of; None: an element
    is_array: list[bool] = []
    key, last = None, ""
    for mark in _TOKEN.findall(raw.decode("utf-8", "replace")):
        if mark in "{[":
            inside_array = bool(is_array) and is_array[-1]
            if mark == "{" and inside_array and is_array.count(True) == 1:
                name = ".".join(part for part in path if part is not None)
                counts[name] = counts.get(name, 0) + 1
            path.append(None if inside_array else key)
            is_array.append(mark == "[")
            key = None
        elif mark in "}]" and path:
            path.pop()
            is_array.pop()
        elif mark == ":":
            key = last[1:-1]
        last = mark
    named = {name: count for name, count in counts.items() if name}
    return max(named, key=lambda name: named[name]) if named else None


def guess_decimal(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Return a comma if a column of CSV has numbers with a decimal comma; None: it has none."""
    columns: dict[str, list[str]] = {}
    for row in rows:
        for name, cell in row.items():
            columns.setdefault(name, []).append(str(cell).strip())
    for cells in columns.values():
        with_comma = sum(bool(_DECIMAL.fullmatch(cell)) for cell in cells)
        numbers = with_comma + sum(bool(_WHOLE.fullmatch(cell)) for cell in cells)
        if with_comma > len(cells) / 2 and numbers >= _NEARLY_ALL * len(cells):
            return ","
    return None
