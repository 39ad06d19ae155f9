"""Which files of a log hold which positions, and reading them in order of position."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final

import polars as pl
from msgspec import Struct

from eventsource.errors import LogError
from eventsource.log._damage import RESTORE, check_names
from eventsource.log._version import TableVersion

__all__ = [
    "ERASURES",
    "HEAD",
    "STATISTICS",
    "DataFile",
    "data_files",
    "head_of",
    "occurred_at_range",
    "position_ranges",
    "scan_at",
    "scan_in_order",
]

HEAD: Final = "eventsource:log"
"""The application transaction that every commit carries; its version is the log's head."""

ERASURES: Final = "eventsource:erasures"
"""The application transaction that counts erasures."""

STATISTICS: Final = ("position", "occurred_at")
"""The columns whose least and greatest values the table keeps per file; payloads have no statistics."""

_LAST_POSITION: Final = 2**63 - 1


def head_of(table: TableVersion) -> dict[str, int]:
    """Return the application transactions of a commit that appends nothing: the head stays."""
    return {HEAD: table.transaction_version(HEAD) or 0}


def scan_in_order(table: TableVersion, start: int = 0, upto: int | None = None) -> pl.LazyFrame:
    """Return the rows with ``start`` <= position < ``upto``, in order of position.

    The frame reads the files of this version. Later commits do not change it. Appends write greater
    positions than all before, and compaction keeps the order, so usually nothing has to be sorted. Files overlap
    only after another tool rewrote the table; then the rows are sorted. Within one file such a tool may leave any
    order.
    """
    files = position_ranges(_complete(table))
    if upto is not None:
        files = files.filter(pl.col("first") < upto)
    wanted = files.filter(pl.col("last") >= start)
    rows = table.scan(wanted["path"].to_list())
    if (wanted["first"] <= wanted["last"].cum_max().shift()).any():
        rows = rows.sort("position")
    if start > 0:
        rows = rows.filter(pl.col("position") >= start)
    return rows if upto is None else rows.filter(pl.col("position") < upto)


def scan_at(table: TableVersion, positions: pl.Series) -> pl.LazyFrame:
    """Return the rows at some positions, which ascend. Other files are not read.

    Three files, and the positions 3, 7 and 8::

        first, last    0 4    5 9    10 14
        low, high      0 1    1 3    3 3         which of the positions are in the file: none in the third
    """
    files = position_ranges(_complete(table))
    low = positions.search_sorted(files["first"], side="left")
    high = positions.search_sorted(files["last"], side="right")
    wanted = files.filter(high > low)
    return table.scan(wanted["path"].to_list()).filter(pl.col("position").is_in(positions.implode()))


def _complete(table: TableVersion) -> pl.DataFrame:
    """Return the files of a version, after a check that they hold no fewer events than the log has.

    A commit file that lost its content, after a power cut for example, is an empty commit for Delta: its events
    would be missing from answers, and the next pull would append them again.

    More rows, which another program has written, change no answer: `eventsource.check` finds them.

    Raises:
        LogError: the files hold fewer events.
    """
    files, head = table.files(), table.transaction_version(HEAD) or 0
    if not files["num_records"].null_count() and (found := int(files["num_records"].sum())) < head:
        raise LogError(
            table.fault() or f"the files of {table.path} hold {found:,} events, but the log has {head:,}",
            hint=RESTORE,
        )
    return files


class DataFile(Struct, frozen=True):
    """A Parquet file of ``events/``, as its commit describes it.

    Args:
        path: its path or URL.
        size: bytes.
        events: rows.
        first: the lowest position; None: the commit has no statistics.
        last: the greatest position.
        open: opens it for reading, as a file object with ``read``, ``seek`` and ``tell``.
    """

    path: str
    size: int
    events: int
    first: int | None
    last: int | None
    open: Callable[[], Any]


def data_files(version: TableVersion) -> list[DataFile]:
    """Return the files of a version, in order of position; for errors see `scan_in_order`."""
    files = position_ranges(_complete(version))
    check_names(version.path, files["path"].to_list())
    columns = files.select("path", "size_bytes", "num_records", "min.position", "max.position")
    return [
        DataFile(f"{version.path}/{name}", size, events, first, last, partial(version.open, name))
        for name, size, events, first, last in columns.iter_rows()
    ]


def occurred_at_range(files: pl.DataFrame) -> tuple[datetime, datetime] | None:
    """Return the first and last ``occurred_at``, from the statistics of files; None if there are no statistics."""
    if "min.occurred_at" not in files.columns or files["min.occurred_at"].null_count() == files.height:
        return None
    first, last = files["min.occurred_at"].min(), files["max.occurred_at"].max()
    return (first, last) if isinstance(first, datetime) and isinstance(last, datetime) else None


def position_ranges(files: pl.DataFrame) -> pl.DataFrame:
    """Return files sorted by ``first`` and ``last`` position; without statistics these are 0 and the greatest."""
    if "min.position" not in files.columns:
        files = files.with_columns(pl.lit(None, pl.Int64).alias(f"{end}.position") for end in ("min", "max"))
    first, last = pl.col("min.position").fill_null(0), pl.col("max.position").fill_null(_LAST_POSITION)
    return files.with_columns(first=first, last=last).sort("first", "last")
