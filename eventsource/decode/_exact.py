"""Values in the dtype that a model asks for: exactly, or rounded as the model says, or not at all.

Six values of a member with ``dtype=pl.Decimal(18, 2)``, and the columns that `columns_of_dtype` makes of them::

    values      12    12.345   "7.10"   "25,22"   null   UNSET
    a|value     12    ·        7.10     ·         ·      ·
    a|unfit     ·     12.345   ·        25,22     ·      ·           as JSON: "25,22" with its quotes
    a|null      ·     ·        ·        ·         true   ·           (false elsewhere)

With ``rounding="half_even"`` 12.345 is 12.34. `held` is the rule, for one value. Most values are converted as
columns, and only those that this cannot convert exactly go through `held`.
"""

import decimal
import math
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from eventsource.decode._kinds import NUMBERS, UNFIT, VALUE, WRITERS, null_column, split_by_kind
from eventsource.decode._paths import UNSET
from eventsource.decode._texts import json_text
from eventsource.decode._unfit import Unfit
from eventsource.exact_numbers import fraction
from eventsource.moment import parse_times

if TYPE_CHECKING:
    from fractions import Fraction

__all__ = ["columns_of_dtype", "exact_decimals", "held", "reads_digits"]

_NUMBER: Final = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_PLAIN_NUMBER: Final = r"^[+-]?[0-9]{1,15}(\.[0-9]+)?$"
_CUT_TIME: Final = r"\.[0-9]{6}[0-9]*[1-9]"
"""Times with digits finer than microseconds, which would be cut off."""
_DIGITS: Final = 400
"""The precision of decimals while they are rounded: more digits than any value has that a column can hold."""

_HAS_DIGITS: Final = frozenset({decimal.Decimal, int, str})
_TEXTS: Final = frozenset({str, type(None), type(UNSET)})

_MODES: Final[Mapping[str, str]] = {
    "half_even": decimal.ROUND_HALF_EVEN,
    "half_up": decimal.ROUND_HALF_UP,
    "down": decimal.ROUND_DOWN,
}


def reads_digits(dtype: pl.DataType | None) -> bool:
    """Return whether numbers are read digit by digit for a dtype, because a float would lose some."""
    return isinstance(dtype, pl.Decimal) or (dtype is not None and dtype.is_integer())


def columns_of_dtype(column: str, values: list[Any], dtype: pl.DataType, rounding: str | None) -> list[pl.Series]:
    """Return ``column|value``, ``column|unfit`` and ``column|null``, each only if a value is in it."""
    nulls = null_column(column, values) if any(value is None for value in values) else []
    found = _in_bulk(values, dtype)
    is_open = found.is_null().to_numpy()
    unfit: list[str | None] = [None] * len(values)
    scattered: dict[int, Any] = {}
    for row in np.flatnonzero(is_open).tolist():
        value = values[row]
        if value is None or value is UNSET:
            continue
        fitted = held(value, dtype, rounding)
        if fitted is None:
            unfit[row] = as_json(value)
        else:
            scattered[row] = fitted
    if scattered:
        found = found.scatter(list(scattered), pl.Series(list(scattered.values()), dtype=dtype, strict=False))
    columns = [found.alias(f"{column}|{VALUE}")] if found.null_count() < len(found) else []
    columns += (
        [pl.Series(f"{column}|{UNFIT}", unfit, pl.String())] if any(text is not None for text in unfit) else []
    )
    return columns + nulls


def exact_decimals(column: str, values: list[Any], dtype: pl.Decimal) -> list[pl.Series] | None:
    """Return what `columns_of_dtype` does, if all values are exact; None: some are not.

    Args:
        column: the beginning of the names.
        values: the values; numbers with a fraction or an exponent as their texts, which are faster to make than a
            `decimal.Decimal`.
        dtype: the dtype.
    """
    if {*map(type, values)} <= _TEXTS:
        texts = pl.Series([None if value is UNSET else value for value in values], dtype=pl.String())
    else:
        texts = pl.Series([_digits(value) for value in values], dtype=pl.String())
    found = _decimals_of(texts, dtype)
    nulls = values.count(None)
    if found.null_count() > nulls + values.count(UNSET):
        return None
    columns = [found.alias(f"{column}|{VALUE}")] if found.null_count() < len(found) else []
    return [*columns, *(null_column(column, values) if nulls else [])]


def held(value: Any, dtype: pl.DataType, rounding: str | None = None) -> Any:
    """Return a value as a dtype holds it; None: the dtype does not hold it.

    Args:
        value: a value of JSON; a number with a fraction may be a `decimal.Decimal`.
        dtype: the dtype that the model asks for.
        rounding: how a number that the dtype does not hold exactly is rounded; None: it is not held.
    """
    if dtype == pl.String():
        return value if value.__class__ is str else as_json(value).strip('"')
    if isinstance(dtype, pl.Decimal) or dtype.is_numeric():
        number = _number(value)
        return None if number is None else _held_number(number, dtype, rounding)
    column = split_by_kind("", [value])[0]
    kind = column.name.removeprefix("|")
    return None if kind == UNFIT or _is_never_held(kind, dtype) else _cast(column, dtype)[0]


def as_json(value: Any) -> str:
    """Return a value as JSON."""
    if value.__class__ is Unfit:
        return str(value.text)
    return str(value) if isinstance(value, decimal.Decimal) else json_text(value)


def _number(value: Any) -> decimal.Decimal | None:
    """Return the number that a value is, or that a text holds.

    Python would also read underscores, other scripts' digits and "NaN"; people do not mean those by a number.
    """
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return None
    if value.__class__ not in (str, int, float, decimal.Decimal):
        return None
    return decimal.Decimal(repr(value) if value.__class__ is float else value)


def _held_number(number: decimal.Decimal, dtype: pl.DataType, rounding: str | None) -> Any:
    if dtype.is_float():
        return _held_float(number, dtype, rounding)
    scale = dtype.scale if isinstance(dtype, pl.Decimal) else 0
    mode = decimal.ROUND_HALF_EVEN if rounding is None else _MODES[rounding]
    traps = [decimal.InvalidOperation] + ([decimal.Inexact] if rounding is None else [])
    context = decimal.Context(prec=_DIGITS, rounding=mode, traps=traps)
    try:
        rounded = number.quantize(decimal.Decimal(1).scaleb(-scale), context=context)
    except decimal.DecimalException:
        return None
    if isinstance(dtype, pl.Decimal):
        return rounded if abs(int(rounded.scaleb(scale, context))) < 10 ** int(dtype.precision or 38) else None
    whole = int(rounded)
    return whole if _is_within(whole, dtype) else None


def _is_within(whole: int, dtype: pl.DataType) -> bool:
    """Return whether an integer is in the range of an integer dtype, such as ``Int16`` or ``UInt64``."""
    bits = int(str(dtype).lstrip("UInt"))
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if dtype.is_signed_integer() else (0, 2**bits)
    return bool(low <= whole < high)


@np.errstate(over="ignore")  # a number that becomes infinite is not held, so no warning is needed
def _held_float(number: decimal.Decimal, dtype: pl.DataType, rounding: str | None) -> float | None:
    """Return the float of a number: exact if it is whole; a fraction has the float that JSON readers give it."""
    nearest = float(number)
    if not math.isfinite(nearest):
        return None
    exact = fraction(number) if _is_whole(number) else fraction(nearest)
    narrow = float(np.float32(nearest)) if dtype == pl.Float32() else nearest
    if not math.isfinite(narrow):
        return None
    if fraction(narrow) == exact:
        return narrow
    return None if rounding is None else _rounded_float(exact, narrow, dtype, rounding)


def _rounded_float(exact: "Fraction", nearest: float, dtype: pl.DataType, rounding: str) -> float | None:
    """Return an exact number as the float that a rounding asks for; ``nearest`` is that of ``half_even``."""
    kind = np.float32 if dtype == pl.Float32() else np.float64

    def towards(end: float) -> float:
        return float(np.nextafter(kind(nearest), kind(end)))

    if rounding == "down":
        return towards(0.0) if abs(fraction(nearest)) > abs(exact) else nearest
    if rounding == "half_up" and abs(fraction(nearest)) < abs(exact):
        away = towards(math.copysign(math.inf, exact))
        if math.isfinite(away) and fraction(away) - exact == exact - fraction(nearest):
            return away
    return nearest


def _is_whole(number: decimal.Decimal) -> bool:
    return int(number.as_tuple().exponent) >= 0


def _in_bulk(values: list[Any], dtype: pl.DataType) -> pl.Series:
    """Return the values that a conversion of columns holds exactly; null: look at the value itself."""
    if isinstance(dtype, pl.Decimal):
        return _decimals(values, dtype)
    plain = [value if value.__class__ is not decimal.Decimal else UNSET for value in values]
    columns = [column for column in split_by_kind("", plain) if column.name not in ("|null", f"|{UNFIT}")]
    found = pl.Series("", [], dtype).extend_constant(None, len(values))
    for column in columns:
        kind = column.name.removeprefix("|")
        if _is_never_held(kind, dtype):
            continue
        found = found.zip_with(found.is_not_null(), _cast(column, dtype))
    return found


def _is_never_held(kind: str, dtype: pl.DataType) -> bool:
    """Return whether a dtype holds no value of a kind, or only one that must be looked at by itself."""
    if dtype == pl.String():
        return False
    if kind == "time" and not dtype.is_temporal():
        return True
    return kind in ("json", "big", "huge") or (kind == "bool" and dtype != pl.Boolean())


def _decimals(values: list[Any], dtype: pl.Decimal) -> pl.Series:
    """Return the decimals that hold the values exactly, by way of their digits as texts.

    Six values with ``Decimal(5, 2)``; rows that are not exact are looked at one by one later::

        values    12      1.5     12.345   "7.10"   "x"    1E+3
        texts     12      1.5     12.345   7.10     x      1E+3
        exact     yes     yes     no       yes      no     no
        found     12.00   1.50    ·        7.10     ·      ·
    """
    return _decimals_of(pl.Series([_digits(value) for value in values], dtype=pl.String()), dtype)


def _decimals_of(texts: pl.Series, dtype: pl.Decimal) -> pl.Series:
    whole = int(dtype.precision or 38) - dtype.scale
    before = rf"[0-9]{{1,{whole}}}" if whole else "0"
    behind = rf"[0-9]{{1,{dtype.scale}}}0*" if dtype.scale else "0+"
    is_exact = texts.str.contains(rf"^-?{before}(\.{behind})?$").fill_null(value=False)
    return texts.set(~is_exact, None).cast(dtype, strict=False)


def _digits(value: Any) -> str | None:
    return str(value) if value.__class__ in _HAS_DIGITS else None


def _cast(values: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Cast values of one kind; null where the dtype does not hold one exactly. Texts may hold dates and times."""
    kind = values.name.removeprefix("|")
    conversion = _OF_TEXT.get(dtype.base_type()) if kind == "text" else None
    if conversion is not None:
        return conversion(values, dtype)
    if kind == "text" and dtype == pl.Float32():
        return values.cast(dtype, strict=False).clear(len(values))  # few texts are floats of 32 bits: one by one
    if kind == "text" and dtype.is_numeric():
        is_plain = values.str.contains(_PLAIN_NUMBER)
        return values.set(~is_plain.fill_null(value=False), None).cast(dtype, strict=False)
    if kind in WRITERS and dtype == pl.String():
        return WRITERS[kind](values)
    found = values.cast(dtype, strict=False)
    if kind in (*NUMBERS, "time") and dtype != pl.String():
        same = found.cast(values.dtype, strict=False) == values
        return found.set(~same.fill_null(value=False), None)
    return found


def _times(values: pl.Series, dtype: Any) -> pl.Series:
    found = parse_times(values)
    cast = found.cast(dtype, strict=False)
    same = (cast.cast(found.dtype) == found) & ~values.str.contains(_CUT_TIME)
    return cast.set(~same.fill_null(value=False), None)


_OF_TEXT: Final[Mapping[Any, Callable[[pl.Series, Any], pl.Series]]] = {
    pl.Datetime: _times,
    pl.Date: lambda values, _: values.str.to_date("%Y-%m-%d", strict=False),
    pl.Time: lambda values, _: values.str.to_time("%H:%M:%S%.f", strict=False),
    pl.Boolean: lambda values, dtype: values.replace_strict(
        {"true": True, "false": False}, default=None, return_dtype=dtype
    ),
}
