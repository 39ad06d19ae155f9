"""The dead-letter store of a log: rejected lines, each with its reason."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from threading import Lock
from typing import Final

import polars as pl

from eventsource.event import REJECTED, TIMESTAMP, FileSource, Source
from eventsource.log._conflicts import CONFLICT_REASON
from eventsource.log._sweep import Tidied, remove_unneeded_files
from eventsource.log._table import Table, retry_conflicts
from eventsource.log._version import TableVersion

__all__ = ["CAUSE", "DATED", "RejectedLines", "belongs_to"]

DATED: Final = pl.Schema({**REJECTED, "rejected_at": TIMESTAMP})
"""Rejected lines, and when they were rejected."""

_VALUE: Final = r'"(\\.|[^"])*"?|\d+'
"""The texts and numbers in a reason, which are those of the line."""

CAUSE: Final = (
    pl.when(pl.col("reason").str.starts_with(CONFLICT_REASON))
    .then(pl.col("reason").str.replace(r"(?s) '.*' ", " … "))
    .otherwise(pl.col("reason").str.replace_all(_VALUE, "…").str.replace(r"(?s): .*", ""))
    .alias("cause")
)
"""What reasons have in common that differ only in the values of their lines: ``version is …, not an integer``."""

_TRANSACTION: Final = "eventsource:rejected"
"""The application transaction that every commit carries, so that concurrent commits conflict."""


class RejectedLines:
    """The table of rejected lines.

    Args:
        table: a table of `DATED`, not shared with other objects.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self._lock = Lock()

    def __len__(self) -> int:
        """How many rows the table has; `lines` may be fewer, as a crash can write a line twice."""
        with self._lock:
            return int(self.table.refresh().files()["num_records"].sum())

    def lines(self) -> pl.DataFrame:
        """Return each line once: `DATED`, sorted by ``rejected_at``, ``file``, ``line``."""
        with self._lock:
            return self._read()

    def add(
        self,
        lines: pl.DataFrame,
        reread_after: Mapping[str, int],
        replaced: Callable[[pl.DataFrame], pl.DataFrame] = pl.DataFrame.clear,
    ) -> None:
        """Add a frame of `REJECTED`; lines that are there already are not added again.

        Args:
            lines: the frame.
            reread_after: file → number of a line. Lines after it are read again, so earlier rejections of them
                are removed.
            replaced: returns those of the lines that are there which the new ones replace; none by default.
        """

        def outdated(stored: pl.DataFrame) -> pl.DataFrame:
            before = stored.select(REJECTED.names())
            return pl.concat([_after(before, reread_after), replaced(before)])

        if reread_after or not lines.is_empty():
            self._commit(outdated, lines)

    def replace(self, old: pl.DataFrame, new: pl.DataFrame) -> None:
        """Remove some lines and add others, in one commit; both are frames of `REJECTED`."""
        self._commit(lambda _: old, new)

    def remove(self, wanted: Callable[[pl.DataFrame], Sequence[bool]]) -> int:
        """Remove the lines that a function chooses; return how many."""
        chosen = pl.DataFrame(schema=REJECTED)

        def outdated(stored: pl.DataFrame) -> pl.DataFrame:
            nonlocal chosen
            chosen = stored.filter(pl.Series(wanted(stored), dtype=pl.Boolean)).select(REJECTED.names())
            return chosen

        self._commit(outdated, chosen)
        return chosen.height

    def remove_unneeded_files(self, *, hours: int | None = None) -> Tidied:
        """Remove the files that the newest version does not need; see `eventsource.log._sweep`."""
        with self._lock:
            return remove_unneeded_files(self.table, _transactions, hours=hours)

    def _commit(self, outdated: Callable[[pl.DataFrame], pl.DataFrame], new: pl.DataFrame) -> None:
        with self._lock:
            retry_conflicts(lambda: self._attempt(outdated, new), self.table)

    def _attempt(self, outdated: Callable[[pl.DataFrame], pl.DataFrame], new: pl.DataFrame) -> None:
        stored = self._read()
        remaining = _without(stored, _without(outdated(stored), new))
        added = _without(new.unique(maintain_order=True), remaining)
        dated = added.with_columns(pl.lit(datetime.now(UTC), TIMESTAMP).alias("rejected_at"))
        if remaining.height < stored.height:
            self.table.overwrite(pl.concat([remaining, dated]), _transactions(self.table.version))
        elif added.height:
            self.table.append(dated, _transactions(self.table.version))

    def _read(self) -> pl.DataFrame:
        version = self.table.refresh()
        with version.reading():
            rows = version.scan(version.files()["path"].to_list()).collect()
        once = rows.unique(REJECTED.names(), keep="first", maintain_order=True)
        return once.sort("rejected_at", "file", "line", maintain_order=True)


def belongs_to(source: Source | str) -> pl.Expr:
    """Return which rejected lines belong to a source: by its name, or by any of its files."""
    if isinstance(source, str):
        return pl.col("source") == source
    files = source.files() if isinstance(source, FileSource) else []
    return (pl.col("source") == source.name) | pl.col("file").is_in(files).fill_null(value=False)


def _transactions(version: TableVersion) -> dict[str, int]:
    """Return the application transactions of the commit after a version."""
    return {_TRANSACTION: (version.transaction_version(_TRANSACTION) or 0) + 1}


def _after(lines: pl.DataFrame, reread_after: Mapping[str, int]) -> pl.DataFrame:
    """Return the rejected lines that come after the given line of their file."""
    last = pl.col("file").replace_strict(dict(reread_after), default=None, return_dtype=pl.Int64)
    return lines.filter(pl.col("line") > last) if reread_after else lines.clear()


def _without(lines: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    return lines.join(others, on=REJECTED.names(), how="anti", nulls_equal=True, maintain_order="left")
