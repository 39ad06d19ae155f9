"""Which files hold which positions: reading them in order, and putting small ones together."""

import json
import time
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import polars as pl
from deltalake.transaction import AddAction

from eventsource.log._table import Table

__all__ = ["STATISTICS", "compact", "in_order", "span"]

STATISTICS: Final = ("position", "occurred_at")
"""The columns whose least and greatest values the table keeps per file; payloads stay out of them."""

_SMALL: Final = 8 * 1024 * 1024
_MANY: Final = 100
_TARGET: Final = 32 * 1024 * 1024
_EVER: Final = 2**63 - 1


def in_order(table: Table, start: int = 0, upto: int | None = None) -> pl.LazyFrame:
    """Return the rows of the files that hold positions ``start`` <= position < ``upto``, in order of position.

    The files are those of now: whatever is committed later does not change the frame. Appends write greater
    positions than all before, and `compact` keeps the order, so nothing has to be sorted; only where another
    tool rewrote the table may files overlap, and then they are. Within a file such a tool may leave any order.
    """
    files = _ranges(table.files())
    if upto is not None:
        files = files.filter(pl.col("first") < upto)
    wanted = files.filter(pl.col("last") >= start)
    rows = table.scan(wanted["path"].to_list())
    if (wanted["first"] <= wanted["last"].cum_max().shift()).any():
        rows = rows.sort("position")
    if start > 0:
        rows = rows.filter(pl.col("position") >= start)
    return rows if upto is None else rows.filter(pl.col("position") < upto)


def span(files: pl.DataFrame) -> tuple[datetime, datetime] | None:
    """Return the first and last ``occurred_at``, from the statistics of files."""
    if "min.occurred_at" not in files.columns or files["min.occurred_at"].null_count() == files.height:
        return None
    first, last = files["min.occurred_at"].min(), files["max.occurred_at"].max()
    return (first, last) if isinstance(first, datetime) and isinstance(last, datetime) else None


def compact(table: Table, guard: Mapping[str, int]) -> None:
    """Put neighbouring small files together, in order of position, where there are many.

    Delta's own compaction shuffles the rows of what it puts together, and commits beside a concurrent one: so
    the files are made here, and committed under the guard that all commits carry.

    Raises:
        OvertakenError: another commit came first.
    """
    files = _ranges(table.files())
    if files.filter(pl.col("size_bytes") < _SMALL).height <= _MANY:
        return
    groups = [group for group in _groups(files) if group.height > 1]
    if groups:
        table.swap(pl.concat(groups), [_joined(table, group) for group in groups], guard)


def _ranges(files: pl.DataFrame) -> pl.DataFrame:
    """Return files with the ``first`` and ``last`` position each; without statistics it may be any."""
    if "min.position" not in files.columns:
        files = files.with_columns(pl.lit(None, pl.Int64).alias(f"{end}.position") for end in ("min", "max"))
    first, last = pl.col("min.position").fill_null(0), pl.col("max.position").fill_null(_EVER)
    return files.with_columns(first=first, last=last).sort("first", "last")


def _groups(files: pl.DataFrame) -> list[pl.DataFrame]:
    """Return runs of neighbouring small files, each of about the target size at most."""
    size = pl.col("size_bytes")
    run = (size >= _SMALL).cum_sum()
    part = size.cum_sum().over(run) // _TARGET
    small = files.with_columns(run.alias("run")).with_columns(part.alias("part")).filter(size < _SMALL)
    return [group.drop("run", "part") for group in small.partition_by("run", "part", maintain_order=True)]


def _joined(table: Table, group: pl.DataFrame) -> AddAction:
    """Write one file with the rows of several, and return the action that adds it."""
    name = f"joined-{uuid.uuid4()}.parquet"
    size = table.store(name, table.scan(group["path"].to_list()))
    return AddAction(name, size, {}, int(time.time() * 1000), data_change=False, stats=_statistics(group))


def _statistics(group: pl.DataFrame) -> str:
    return json.dumps(
        {
            "numRecords": group["num_records"].sum(),
            "minValues": {name: _plain(group[f"min.{name}"].min()) for name in STATISTICS},
            "maxValues": {name: _plain(group[f"max.{name}"].max()) for name in STATISTICS},
            "nullCount": dict.fromkeys(STATISTICS, 0),
        }
    )


def _plain(value: Any) -> Any:
    return value.isoformat(timespec="microseconds") if isinstance(value, datetime) else value
