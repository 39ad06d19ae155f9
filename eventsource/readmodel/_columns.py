"""Columns: which SQL type a dtype becomes, and how its values are written.

==================== ======================= ===================================================
dtype                PostgreSQL              SQLite
==================== ======================= ===================================================
Boolean              BOOLEAN                 BOOLEAN (0, 1)
integers to 64 bits  BIGINT                  BIGINT
UInt64, 128 bits     NUMERIC(39)             TEXT of its digits
Float32, Float64     DOUBLE PRECISION        REAL; NaN as the text ``NaN``, since SQLite has no NaN
Decimal(p, s)        NUMERIC(p, s)           TEXT of its digits: SQLite has no exact fractions
Datetime             TIMESTAMPTZ; without a  TEXT ``2024-06-30T12:00:00.000000Z``; without a zone
                     zone TIMESTAMP          no ``Z``
Date, Time           DATE, TIME              TEXT ``2024-06-30``, ``12:00:00.000000``
Duration             INTERVAL                BIGINT of microseconds
Binary               BYTEA                   BLOB
List, Struct, Object JSONB                   TEXT of JSON
all others, Null     TEXT                    TEXT
==================== ======================= ===================================================

Times finer than microseconds are truncated. PostgreSQL cannot store the NUL character:
`eventsource.readmodel._escapes` says what it stores instead.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec
import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from eventsource.event import TIMESTAMP
from eventsource.readmodel._escapes import escape_ids, escape_json, escape_texts

__all__ = ["Dialect", "Instant", "dtype_with", "encode", "kind_of", "sql_type"]

Dialect = Literal["postgresql", "sqlite"]
Kind = Literal[
    "boolean",
    "integer",
    "wide",
    "float",
    "decimal",
    "instant",
    "local",
    "date",
    "time",
    "duration",
    "binary",
    "json",
    "text",
]

_TYPES: Final[Mapping[Kind, tuple[sa.types.TypeEngine[Any], sa.types.TypeEngine[Any]]]] = {
    "boolean": (sa.Boolean(), sa.Boolean()),
    "integer": (sa.BigInteger(), sa.BigInteger()),
    "wide": (sa.Numeric(39, 0), sa.Text()),
    "float": (sa.Double(), sa.REAL()),
    "decimal": (sa.Numeric(), sa.Text()),
    "instant": (sa.TIMESTAMP(timezone=True), sa.Text()),
    "local": (sa.TIMESTAMP(), sa.Text()),
    "date": (sa.Date(), sa.Text()),
    "time": (sa.Time(), sa.Text()),
    "duration": (sa.Interval(), sa.BigInteger()),
    "binary": (sa.LargeBinary(), sa.LargeBinary()),
    "json": (postgresql.JSONB(), sa.Text()),
    "text": (sa.Text(), sa.Text()),
}
_WIDE: Final = (pl.UInt64(), pl.Int128(), pl.UInt128())
_DATETIME: Final = "%Y-%m-%dT%H:%M:%S%.6f"
_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


def kind_of(dtype: pl.DataType) -> Kind:
    """Return the row of the table above that a dtype belongs to."""
    if isinstance(dtype, pl.Datetime):
        return "instant" if dtype.time_zone else "local"
    if dtype.is_integer():
        return "wide" if dtype in _WIDE else "integer"
    if dtype.is_nested() or dtype.is_object():
        return "json"
    plain: Mapping[Any, Kind] = {
        pl.Boolean: "boolean",
        pl.Float32: "float",
        pl.Float64: "float",
        pl.Decimal: "decimal",
        pl.Date: "date",
        pl.Time: "time",
        pl.Duration: "duration",
        pl.Binary: "binary",
    }
    return plain.get(dtype.base_type(), "text")


def sql_type(dtype: pl.DataType, dialect: Dialect) -> sa.types.TypeEngine[Any]:
    """Return the type of a column in a database."""
    if isinstance(dtype, pl.Decimal) and dialect == "postgresql":
        return sa.Numeric(dtype.precision, dtype.scale)
    return _TYPES[kind_of(dtype)][dialect == "sqlite"]


def dtype_with(new: pl.DataType, stored: str) -> str | None:
    """Return the dtype of a column after it took values of another dtype; None if they do not fit.

    Args:
        new: the dtype of the values.
        stored: the dtype, as text, that the column was created for.
    """
    only_nulls, only_empty_lists = str(pl.Null()), str(pl.List(pl.Null()))
    both_lists = isinstance(new, pl.List) and stored.startswith("List(")
    integers_as_floats = new.is_integer() and stored == str(pl.Float64())
    if str(new) in (stored, only_nulls) or integers_as_floats or (both_lists and str(new) == only_empty_lists):
        return stored
    first_texts = stored == only_nulls and kind_of(new) == "text"
    first_items = both_lists and stored == only_empty_lists
    return str(new) if first_texts or first_items else None


def encode(frame: pl.DataFrame, dialect: Dialect) -> pl.DataFrame:
    """Return a frame with plain columns, which the bulk load of a database takes as they are."""
    return pl.DataFrame([_plain(column, dialect) for column in frame])


def _plain(column: pl.Series, dialect: Dialect) -> pl.Series:
    """Return one column as booleans, numbers, texts or bytes."""
    kind = kind_of(column.dtype)
    if kind in ("boolean", "integer"):
        return column
    if kind == "json":
        return _json(column, dialect)
    value = pl.col(column.name)
    forms = {
        "float": value.cast(pl.Float64),
        "instant": value.dt.convert_time_zone("UTC").dt.strftime(_DATETIME) + "Z",
        "local": value.dt.strftime(_DATETIME),
        "date": value.dt.strftime("%Y-%m-%d"),
        "time": value.dt.strftime("%H:%M:%S%.6f"),
        "duration": value.dt.total_microseconds(),
        "binary": value,
    }
    plain = column.to_frame().select(forms.get(kind, value.cast(pl.String))).to_series()
    if dialect == "sqlite":
        return plain
    return escape_ids(plain) if column.name == "entity" else _for_copy(plain, kind)


def _for_copy(plain: pl.Series, kind: Kind) -> pl.Series:
    """Return a column in the form that PostgreSQL's COPY reads."""
    value = pl.col(plain.name)
    forms = {
        "duration": pl.format("{} microseconds", value),
        "binary": pl.lit("\\x") + value.bin.encode("hex"),
        "text": escape_texts(value),
    }
    return plain.to_frame().select(forms[kind].alias(plain.name)).to_series() if kind in forms else plain


def _json(column: pl.Series, dialect: Dialect) -> pl.Series:
    texts = (None if value is None else _encode(value) for value in column.to_list())
    if dialect == "postgresql":
        texts = (None if text is None else escape_json(text) for text in texts)
    return pl.Series(column.name, [None if text is None else text.decode() for text in texts], pl.String)


class Instant(sa.types.TypeDecorator[datetime]):
    """An instant in the table of records: TIMESTAMPTZ, or the text that `encode` writes."""

    impl = sa.TIMESTAMP(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """Return the database's own type."""
        return dialect.type_descriptor(sql_type(TIMESTAMP, "sqlite" if dialect.name == "sqlite" else "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:
        """Return the value to store."""
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy passes it
        """Return a stored value as an instant in UTC."""
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
        return None if found is None else found.astimezone(UTC)
