"""Compaction: many small files of a log become a few larger ones, with the same rows in the same order.

Delta's own compaction shuffles rows, and succeeds beside a concurrent append. So the files are written here, and
committed with the application transaction that every commit carries.

Example: sizes in MB, with a target of 32 MB. Files of 8 MB and more stay as they are.

    size        2   3   1  40   5   6   ...  4
    neighbours  [2  3   1]     [5   6   ...  4]        streaks of small files between large ones
    result          6      40        up to 32          each streak is split at multiples of the target
"""

from collections.abc import Mapping
from typing import Final

import polars as pl

from eventsource.log._files import position_ranges
from eventsource.log._table import Table
from eventsource.log._version import TableVersion

__all__ = ["compact_small_files", "has_many_small_files"]

_SMALL_BYTES: Final = 8 * 1024 * 1024
_MOST_SMALL_FILES: Final = 100
_TARGET_BYTES: Final = 32 * 1024 * 1024


def has_many_small_files(version: TableVersion) -> bool:
    """Return whether a version has more than 100 small files."""
    return version.files().filter(pl.col("size_bytes") < _SMALL_BYTES).height > _MOST_SMALL_FILES


def compact_small_files(table: Table, transactions: Mapping[str, int]) -> None:
    """Merge neighbouring small files, if there are more than 100 small files.

    Args:
        table: the events, refreshed.
        transactions: the application transactions of the commit.

    Raises:
        CommitConflictError: another writer has committed in the meantime.
    """
    if not has_many_small_files(table.version):
        return
    files = position_ranges(table.version.files())
    groups = [group for group in _neighbouring_small_files(files) if group.height > 1]
    if groups:
        merged = [table.data.write("joined", table.version.scan(group["path"].to_list())) for group in groups]
        table.replace_files(pl.concat(groups), merged, transactions)


def _neighbouring_small_files(files: pl.DataFrame) -> list[pl.DataFrame]:
    size = pl.col("size_bytes")
    streak = (size >= _SMALL_BYTES).cum_sum()
    part = size.cum_sum().over(streak) // _TARGET_BYTES
    small = files.with_columns(streak.alias("streak")).with_columns(part.alias("part")).filter(size < _SMALL_BYTES)
    return [group.drop("streak", "part") for group in small.partition_by("streak", "part", maintain_order=True)]
