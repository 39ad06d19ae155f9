"""One column for values of several dtypes, as in the answers of `diff` and `explain`.

A Polars column has one dtype, but ``before``, ``after`` and ``value`` hold values of all fields of a model:

    field    dtype            value    as JSON text
    name     String           Ada      "Ada"
    premium  Boolean          true     true
    spent    Decimal(18, 2)   10.10    "10.10"
    seen     Datetime, UTC    …        "2024-06-30T12:00:00.000000Z"
    tags     List(String)     [a, b]   ["a","b"]
    reason   String           null     null (a null of the column, not the text)

Fields of one dtype keep it. Fields of several become JSON text, which every file format and every database takes.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec
import polars as pl

__all__ = ["Mixed", "concat_values"]

Mixed = Literal["json", "object"]
"""What a column of several dtypes holds: JSON text, or the Python values themselves (dtype Object)."""

_LOCAL: Final = "%Y-%m-%dT%H:%M:%S%.6f"
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
    form = _form(values.dtype)
    if form is not None:
        return values.to_frame("value").select(form(pl.col("value"))).to_series().alias(values.name)
    texts = (None if value is None else _encode(_jsonable(value)).decode() for value in values)
    return pl.Series(values.name, texts, pl.String)


def _form(dtype: pl.DataType) -> Callable[[pl.Expr], pl.Expr] | None:
    """Return the expression that writes values of a dtype as JSON text; None: they are written one by one."""
    if isinstance(dtype, pl.Datetime):
        return _instant if dtype.time_zone else lambda value: _quoted(value.dt.strftime(_LOCAL))
    if dtype.is_integer() or dtype in (pl.Boolean, pl.Null):
        return lambda value: value.cast(pl.String)
    forms: dict[Any, Callable[[pl.Expr], pl.Expr]] = {
        pl.Float64: lambda value: value.cast(pl.String).replace(_NOT_FINITE),
        pl.Decimal: lambda value: _quoted(value.cast(pl.String)),
        pl.Date: lambda value: _quoted(value.dt.strftime("%Y-%m-%d")),
        pl.String: _escaped,
        pl.Categorical: lambda value: _escaped(value.cast(pl.String)),
        pl.Enum: lambda value: _escaped(value.cast(pl.String)),
    }
    return forms.get(dtype.base_type())


def _instant(value: pl.Expr) -> pl.Expr:
    return _quoted(value.dt.convert_time_zone("UTC").dt.strftime(_LOCAL + "Z"))


def _quoted(text: pl.Expr) -> pl.Expr:
    return pl.lit('"') + text + pl.lit('"')


def _escaped(text: pl.Expr) -> pl.Expr:
    """Return texts as JSON strings. Polars encodes structs only: each text is wrapped in one, then unwrapped."""
    encoded = pl.struct(text.alias("v")).struct.json_encode()
    return pl.when(text.is_not_null()).then(encoded.str.strip_prefix('{"v":').str.strip_suffix("}"))


def _jsonable(value: Any) -> Any:
    """Return a value, items and members included, such that JSON encodes it by the rules above."""
    if isinstance(value, pl.Series | list | tuple):
        return [_jsonable(item) for item in value]
    if isinstance(value, dict):
        return {name: _jsonable(member) for name, member in value.items()}
    if isinstance(value, float):
        return msgspec.Raw(_NOT_FINITE.get(str(value), repr(value)).encode())
    if isinstance(value, datetime):
        local = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
        return local.isoformat(timespec="microseconds") + ("" if value.tzinfo is None else "Z")
    return value
