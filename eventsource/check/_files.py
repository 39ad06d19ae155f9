"""The files of a log: whether they still are what Delta and Parquet say they are.

========================== ===========================================================================
known                      by
========================== ===========================================================================
the size of a file         its commit
the number of its rows     its commit, and its metadata
the least and greatest     its commit (``position``, ``occurred_at``), and its metadata (per column and
value of a column          row group)
checksums of pages         its metadata, if the program that wrote it stored some; `eventsource` does not
texts are UTF-8            Parquet
========================== ===========================================================================

So a changed bit is found where it changes one of these, or makes a page undecodable. Only a copy shows the others.
"""

import os
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

import polars as pl

from eventsource.event import STORED
from eventsource.log import DataFile, Log
from eventsource.messages import first_line

__all__ = ["check_files"]

_PANIC: Final = pl.exceptions.PanicException
"""What Polars raises for some damaged files; not an `Exception`."""

_FOUND: Final = {"file": pl.String(), "first": pl.Int64(), "last": pl.Int64(), "problem": pl.String()}
_EXACT: Final = 60
"""Statistics of texts are exact up to so many bytes; longer ones may be cut."""


def check_files(log: Log) -> pl.DataFrame:
    """Decode every file of ``events/``, and compare it with what Delta and Parquet know of it.

    Returns:
        ``file``, ``first`` and ``last`` position, ``problem``: a row per fault; empty for a sound log.

    Raises:
        LogError: a commit is damaged or missing, so that it is not known which files there should be.
    """
    rows = [(file.path, *fault) for file in log.data_files() for fault in _faults(file)]
    return pl.DataFrame(rows, schema=_FOUND, orient="row")


def _faults(file: DataFile) -> Iterator[tuple[int | None, int | None, str]]:
    """Yield positions and problem of each fault of a file."""
    import pyarrow as pa  # noqa: PLC0415 - slow to import
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        with file.open() as source:
            source.seek(0, os.SEEK_END)
            if (size := source.tell()) != file.size:
                yield file.first, file.last, f"expected {file.size:,} bytes, got {size:,}"
            parquet = pq.ParquetFile(source, page_checksum_verification=True)
            if parquet.metadata.num_rows != file.events:
                yield file.first, file.last, f"expected {file.events:,} rows, got {parquet.metadata.num_rows:,}"
            for number in range(parquet.metadata.num_row_groups):
                yield from _faults_of_rows(parquet, number, file)
        with file.open() as source:
            # Questions use this decoder, which refuses other things.
            pl.scan_parquet(BytesIO(source.read()), schema=STORED).collect()
    except (OSError, ValueError, ArithmeticError, pa.ArrowException, pl.exceptions.PolarsError, _PANIC) as error:
        yield file.first, file.last, first_line(error)


def _faults_of_rows(parquet: Any, number: int, file: DataFile) -> Iterator[tuple[int | None, int | None, str]]:
    """Yield the faults of a group of rows, with the positions that its metadata say."""
    import pyarrow as pa  # noqa: PLC0415

    group = parquet.metadata.row_group(number)
    known = {column.path_in_schema: column.statistics for column in map(group.column, range(group.num_columns))}
    place = known.get("position")
    first, last = (place.min, place.max) if place is not None and place.has_min_max else (file.first, file.last)
    try:
        rows = parquet.read_row_group(number)
        rows.validate(full=True)
    except (OSError, ValueError, ArithmeticError, pa.ArrowException) as error:
        yield first, last, first_line(error)
        return
    frame = pl.DataFrame(rows)
    for name, statistics in known.items():
        if statistics is not None and name in frame.columns and not _agrees(frame[name], statistics):
            yield first, last, f"the values of {name} differ from their statistics"
    positions = frame["position"]
    if file.first is not None and file.last is not None and not positions.is_between(file.first, file.last).all():
        yield first, last, f"expected positions from {file.first:,} to {file.last:,}"


def _agrees(values: pl.Series, statistics: Any) -> bool:
    """Return whether values have the number of nulls, and the least and greatest value, of their statistics."""
    if statistics.has_null_count and statistics.null_count != values.null_count():
        return False
    if not statistics.has_min_max or values.null_count() == len(values):
        return True
    try:
        return _is_equal(values.min(), statistics.min) and _is_equal(values.max(), statistics.max)
    except ArithmeticError:  # a time that Python cannot hold
        return False


def _is_equal(value: Any, known: Any) -> bool:
    if isinstance(known, str | bytes):
        text = known.encode() if isinstance(known, str) else known
        return len(text) > _EXACT or bool(str(value).encode() == text)
    return bool(value == known)
