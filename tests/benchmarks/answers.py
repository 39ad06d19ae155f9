"""Compare the answers of contenders: floats up to rounding, rows in any order."""

from pathlib import Path
from typing import Any, Final

import msgspec
import pandas as pd
import polars as pl

__all__ = ["differences", "plain"]

_KEYS: Final = ("question", "entity", "valid_from", "as_of", "row", "change", "field")
_NEARLY: Final = 1e-6
_SIDES: Final = ("_a", "_b")


def plain(answer: Any) -> pl.DataFrame:
    """Return an answer as a Polars frame: times without a zone, values of mixed dtypes as text."""
    if isinstance(answer, list):
        parts = [plain(part).with_columns(pl.lit(number).alias("question")) for number, part in enumerate(answer)]
        return pl.concat(parts, how="vertical_relaxed")
    frame = answer if isinstance(answer, pl.DataFrame) else _polars(answer)
    if "here_a" in frame.columns:
        frame = _long_difference(frame)
    if frame.columns and all(isinstance(dtype, pl.Struct) for dtype in frame.dtypes):
        frame = _long_explanation(frame)
    texts = [name for name in ("before", "after", "value") if name in frame.columns]
    if isinstance(answer, pl.DataFrame):  # one of ours: values of mixed dtypes are JSON text
        frame = frame.with_columns(_decoded(frame[name]) for name in texts)
    frame = frame.with_columns(_text(frame[name]) for name in texts)
    if "value" in frame.columns:  # a default, which the other contenders leave out
        frame = frame.with_columns(pl.when(pl.col("event_id").is_not_null()).then("value"))
    return frame.with_columns(_plain(name, dtype) for name, dtype in frame.schema.items())


def differences(expected: Path, found: Path, *, some: bool = False) -> str:
    """Return what differs between two answers that were written to files; an empty text if they are equal.

    Args:
        expected: the file of an answer.
        found: the file of another; its columns and rows may be in another order.
        some: whether the other answer is for some entities only.
    """
    first, second = pl.scan_parquet(expected), pl.scan_parquet(found)
    names = [name for name in first.collect_schema() if name in second.collect_schema()]
    if len(names) < len(first.collect_schema()) and not _is_wider(first, names):
        return f"columns {first.collect_schema().names()} and {second.collect_schema().names()}"
    keys = [name for name in _KEYS if name in names]
    if some:
        first = first.join(second.select("entity"), on="entity", how="semi", maintain_order="left")
    order = [
        side.select(pl.struct(keys).arg_sort() if keys else pl.int_range(pl.len())) for side in (first, second)
    ]
    rows = [one.collect().to_series() for one in order]
    if len(rows[0]) != len(rows[1]):
        return f"{len(rows[0]):,} and {len(rows[1]):,} rows"
    for name in names:
        left, right = (
            side.select(name).collect().to_series().gather(at)
            for side, at in zip((first, second), rows, strict=True)
        )
        if not _same(left, right):
            return f"column {name!r}"
    return ""


def _is_wider(first: pl.LazyFrame, names: list[str]) -> bool:
    """Return whether an answer has the columns of the input too, as joined rows have."""
    return "row" in names and not set(first.collect_schema()) - set(names) - {"entity", "at"}


def _same(left: pl.Series, right: pl.Series) -> bool:
    if left.dtype.is_float() or right.dtype.is_float():
        left, right = left.cast(pl.Float64), right.cast(pl.Float64)
        near = (left - right).abs() <= _NEARLY * left.abs().clip(1)
        return bool((near | (left.is_null() & right.is_null())).fill_null(value=False).all())
    return left.cast(right.dtype).equals(right, null_equal=True)


def _polars(answer: Any) -> pl.DataFrame:
    found = pl.from_pandas(answer) if isinstance(answer, pd.DataFrame) else pl.from_arrow(answer)
    assert isinstance(found, pl.DataFrame)
    return found


def _plain(name: str, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Datetime):
        return pl.col(name).dt.replace_time_zone(None).dt.cast_time_unit("us")
    return pl.col(name).cast(pl.Int64) if dtype.is_integer() else pl.col(name)


def _decoded(texts: pl.Series) -> pl.Series:
    values = [None if text is None else msgspec.json.decode(text) for text in texts]
    return pl.Series(texts.name, values, dtype=pl.Object)


def _text(values: pl.Series) -> pl.Series:
    return pl.Series(values.name, [_as_text(value) for value in values], dtype=pl.String)


def _as_text(value: Any) -> str | None:
    if isinstance(value, float):
        return f"{value:.4f}"
    return None if value is None else str(value)


def _long_difference(wide: pl.DataFrame) -> pl.DataFrame:
    """Return a row per change of a frame with the columns ``…_a`` and ``…_b``."""
    fields = [name.removesuffix("_a") for name in wide.columns if name.endswith("_a") and name != "here_a"]
    came, went = pl.col("here_b") & ~pl.col("here_a"), pl.col("here_a") & ~pl.col("here_b")
    nothing = [pl.lit(None, pl.String).alias(name) for name in ("field", "before", "after")]
    whole = [
        wide.filter(which).select("entity", pl.lit(change).alias("change"), *nothing)
        for change, which in (("added", came), ("removed", went))
    ]
    return pl.concat([*whole, *(_field_difference(wide.filter("here_a", "here_b"), name) for name in fields)])


def _field_difference(both: pl.DataFrame, name: str) -> pl.DataFrame:
    before, after = (_text(both[f"{name}{side}"]) for side in _SIDES)
    changed = both.select(
        "entity",
        pl.lit("changed").alias("change"),
        pl.lit(name).alias("field"),
        before.alias("before"),
        after.alias("after"),
    )
    return changed.filter(pl.col("before").ne_missing(pl.col("after")))


def _long_explanation(wide: pl.DataFrame) -> pl.DataFrame:
    """Return a row per field of a frame with one row and a struct per field."""
    rows = []
    for name in wide.columns:
        explained = wide[name].struct.unnest()
        rows.append(explained.with_columns(_text(explained["value"]), pl.lit(name).alias("field")))
    return pl.concat(rows, how="vertical_relaxed")
