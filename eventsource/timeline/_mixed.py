"""One column for values of several dtypes, as in the answers of `diff` and `explain`.

A Polars column has one dtype, but ``before``, ``after`` and ``value`` hold values of all fields of a model:

    field    dtype            value    as JSON text
    name     String           Ada      "Ada"
    premium  Boolean          true     true
    spent    Decimal(18, 2)   10.10    "10.10"
    seen     Datetime, UTC    …        "2024-06-30T12:00:00.000000Z"
    tags     List(String)     [a, b]   ["a","b"]
    ratio    Float64          NaN      "NaN"
    reason   String           null     null (a null of the column, not the text)

Fields of one dtype keep it. Fields of several become JSON text, which every file format and every database takes.
Items of lists and members of structs are written by the same rules.
Times, and datetimes in nanoseconds, have nine decimal places.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

import msgspec
import polars as pl

__all__ = ["Mixed", "concat_values"]

Mixed = Literal["json", "object"]
"""What a column of several dtypes holds: JSON text, or the Python values themselves (dtype Object)."""

_Form = Callable[[pl.Expr], pl.Expr]
_encode: Final = msgspec.json.Encoder(enc_hook=str).encode
_NOT_FINITE: Final = {"NaN": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"'}


def concat_values(parts: Sequence[pl.Series], mixed: Mixed) -> pl.Series:
    """Return series below each other as one: of their dtype if they share one, else as ``mixed`` says."""
    typed = [part for part in parts if part.dtype != pl.Null] or [parts[0]]
    if len({part.dtype for part in typed}) == 1:
        return pl.concat([part.cast(typed[0].dtype) for part in parts])
    if mixed == "json":
        return pl.concat([_json_texts(part) for part in parts])
    values: list[Any] = [value for part in parts for value in part.to_list()]
    return pl.Series(parts[0].name, values, dtype=pl.Object)


def _json_texts(values: pl.Series) -> pl.Series:
    """Return the JSON text of each value; null stays null."""
    if values.dtype == pl.Object:
        texts = [None if value is None else _encode(value).decode() for value in values]
        return pl.Series(values.name, texts, pl.String)
    form = _form(values.dtype)
    return values.to_frame("value").select(form(pl.col("value"))).to_series().alias(values.name)


def _form(dtype: Any) -> _Form:
    """Return the expression that writes values of a dtype as JSON text; null stays null."""
    if isinstance(dtype, pl.List | pl.Array):
        return lambda value: _array(value.cast(pl.List(dtype.inner)), _form(dtype.inner))
    if isinstance(dtype, pl.Struct):
        return lambda value: _object(value, {field.name: _form(field.dtype) for field in dtype.fields})
    if isinstance(dtype, pl.Datetime):
        return lambda value: _moment(value, dtype)
    if dtype.is_float():
        return lambda value: value.cast(pl.Float64).cast(pl.String).replace(_NOT_FINITE)
    if dtype.is_integer():
        return lambda value: value.cast(pl.String)
    return _SIMPLE_FORMS[dtype.base_type()]


def _array(value: pl.Expr, form: _Form) -> pl.Expr:
    items = value.list.eval(form(pl.element()).fill_null("null"))
    return pl.lit("[") + items.list.join(",") + pl.lit("]")


def _object(value: pl.Expr, forms: dict[str, _Form]) -> pl.Expr:
    members = [
        pl.lit(_encode(name).decode() + ":") + form(value.struct.field(name)).fill_null("null")
        for name, form in forms.items()
    ]
    inside = pl.concat_str(members, separator=",") if members else pl.lit("")
    return pl.when(value.is_not_null()).then(pl.lit("{") + inside + pl.lit("}"))


def _moment(value: pl.Expr, dtype: pl.Datetime) -> pl.Expr:
    """Return datetimes as texts with all their digits: those with a time zone in UTC, with Z."""
    local = "%Y-%m-%dT%H:%M:%S" + ("%.9f" if dtype.time_unit == "ns" else "%.6f")
    if dtype.time_zone is None:
        return _quoted(value.dt.strftime(local))
    return _quoted(value.dt.convert_time_zone("UTC").dt.strftime(local + "Z"))


def _quoted(text: pl.Expr) -> pl.Expr:
    return pl.lit('"') + text + pl.lit('"')


def _escaped(text: pl.Expr) -> pl.Expr:
    """Return texts as JSON strings. Polars encodes structs only: each text is wrapped in one, then unwrapped."""
    encoded = pl.struct(text.alias("v")).struct.json_encode()
    return pl.when(text.is_not_null()).then(encoded.str.strip_prefix('{"v":').str.strip_suffix("}"))


_SIMPLE_FORMS: Final[dict[Any, _Form]] = {
    pl.Boolean: lambda value: value.cast(pl.String),
    pl.Null: lambda value: value.cast(pl.String),
    pl.Decimal: lambda value: _quoted(value.cast(pl.String)),
    pl.Date: lambda value: _quoted(value.dt.strftime("%Y-%m-%d")),
    pl.Time: lambda value: _quoted(value.dt.strftime("%H:%M:%S%.9f")),
    pl.Duration: lambda value: _quoted(value.dt.to_string("iso")),
    pl.String: _escaped,
    pl.Categorical: lambda value: _escaped(value.cast(pl.String)),
    pl.Enum: lambda value: _escaped(value.cast(pl.String)),
    pl.Binary: lambda value: _quoted(value.bin.encode("base64")),
}
