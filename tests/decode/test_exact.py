"""Values in the dtype that a model asks for: conversion as columns gives what the rule for one value gives."""

import decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventsource.decode._exact import columns_of_dtype, held
from eventsource.decode._paths import UNSET
from tests.laws import examples

ODD: list[Any] = [
    *(
        "007",
        "0.10",
        "-0.0",
        "-0",
        "+1",
        "1.",
        "1.50000",
        "00.5",
        ".5",
        " 1",
        "1\n",
        "12.345",
        "1_0",
        "\u0661",
        "1e2",
        "",
    ),
    *("-", "0", "9" * 40, "0." + "0" * 60, "12.3" + "0" * 45, "0" * 50 + "1", "NaN", "inf", "1,5"),
    *(decimal.Decimal(text) for text in ("1E+2", "1E-2", "-1.50", "123456.7", "0." + "0" * 50, "-0.00", "999.99")),
    *(123456, 999, -999, 1000, 10**30, 10**38, True, False, None, UNSET, {}, [1]),
]
DTYPES = [pl.Decimal(*shape) for shape in ((5, 2), (2, 2), (3, 0), (38, 2), (38, 38), (18, 2))]


def _as_columns(values: list[Any], dtype: pl.DataType, rounding: str | None = None) -> list[Any]:
    columns = {column.name: column for column in columns_of_dtype("a", values, dtype, rounding)}
    return columns["a|value"].to_list() if "a|value" in columns else [None] * len(values)


def _one_by_one(values: list[Any], dtype: pl.DataType, rounding: str | None = None) -> list[Any]:
    return [None if value is None or value is UNSET else held(value, dtype, rounding) for value in values]


@pytest.mark.parametrize("rounding", [None, "half_up"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_decimals_as_columns_are_those_of_each_value(dtype: pl.DataType, rounding: str | None) -> None:
    """Whatever the values look like: nothing is rounded, cut, or taken that the rule refuses."""
    assert _as_columns(ODD, dtype, rounding) == _one_by_one(ODD, dtype, rounding)


NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9)


@given(values=st.lists(NUMBERS | NUMBERS.map(str) | st.integers() | st.text("0123456789.-+eE ", max_size=8)))
@settings(max_examples=examples(45))
def test_a_decimal_is_held_exactly_or_not_at_all(values: list[Any]) -> None:
    """The columns hold the number that the value is, for every value that the rule holds."""
    dtype = pl.Decimal(12, 3)
    found = _as_columns(values, dtype)
    assert found == _one_by_one(values, dtype)
    for value, number in zip(values, found, strict=True):
        assert number is None or number == decimal.Decimal(value)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rounding", [None, "half_up", "down"])
def test_a_number_beyond_a_float_is_not_held_and_gives_no_warning(rounding: str | None) -> None:
    """A float of 32 bits ends at 3.4e38."""
    assert held(2**127, pl.Float32(), rounding) == 2.0**127
    for beyond in (1e41, -1e41, "1e309"):
        assert held(beyond, pl.Float32(), rounding) is None
