"""The numbers that a text names, and those that results may read as."""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from eventsource.formats import formatted

_CODE = re.compile(r"`[^`]*`|\]\([^)]*\)")
_NUMBER = re.compile(r"(?<![A-Za-z\d])\d[\d,]*(?:\.\d+)?")
WORDS = frozenset(
    (
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "twenty",
        "thirty",
        "hundred",
        "thousand",
        "million",
        "dozen",
        "half",
        "twice",
        "double",
        "doubled",
        "tripled",
        "tenth",
    )
)


def numbers_in(text: str) -> set[str]:
    """Return the numbers of a text, in digits or words, without those in code and links."""
    plain = _CODE.sub("", text)
    words = {word for word in re.findall(r"[a-z]+", plain.lower()) if word in WORDS}
    return _digits(plain) | words


def numbers_of(results: Any) -> set[str]:
    """Return all numbers that sentences about some results may name."""
    return {number for value in _values(results) for text in _texts(value) for number in _digits(text)}


def _digits(text: str) -> set[str]:
    return {number.rstrip(",") for number in _NUMBER.findall(text)}


def _values(results: Any) -> Iterable[Any]:
    if isinstance(results, Mapping):
        results = [*results.keys(), *results.values()]
    if not isinstance(results, list | tuple | set):
        return [results]
    return [value for each in results for value in _values(each)]


def _texts(value: Any) -> list[str]:
    if isinstance(value, datetime):
        return [formatted(value, "moment")]
    if isinstance(value, date):
        return [formatted(value, "day")]
    if isinstance(value, timedelta):
        return [formatted(value, "duration")]
    if isinstance(value, float | Decimal):
        return [formatted(value, "share"), formatted(value, "number"), formatted(value, "money")]
    return [formatted(abs(value))] if isinstance(value, int) else [str(value)]
