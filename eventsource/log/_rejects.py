"""What could not be taken, kept aside with its reason."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from threading import Lock
from typing import Final

import polars as pl

from eventsource.event import REJECTED, TIMESTAMP
from eventsource.log._table import Table, retried

__all__ = ["KEPT", "Rejects"]

KEPT: Final = pl.Schema({**REJECTED, "rejected_at": TIMESTAMP})
"""Lines kept aside, and when."""

_GUARD: Final = "eventsource:rejected"


class Rejects:
    """The table of lines kept aside.

    Args:
        table: a table of `KEPT`, for this object alone.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._lock = Lock()

    def __len__(self) -> int:
        """How many lines were written; `lines` may be fewer, after a crash that wrote some twice."""
        with self._lock:
            self._table.refresh()
            return int(self._table.files()["num_records"].sum())

    def lines(self) -> pl.DataFrame:
        """Return the lines, each once: `KEPT`, sorted by ``rejected_at``, ``file``, ``line``."""
        with self._lock:
            return self._lines()

    def keep(self, lines: pl.DataFrame, reread_after: Mapping[str, int]) -> None:
        """Keep a frame of `REJECTED`, but for the lines that are there already.

        Args:
            lines: the frame.
            reread_after: files → the line behind which they are read again: what stood there no longer does.
        """
        if reread_after or not lines.is_empty():
            self._change(lambda kept: _behind(kept, reread_after), lines)

    def change(self, gone: pl.DataFrame, come: pl.DataFrame) -> None:
        """Forget some lines and keep others, in one commit; both are frames of `REJECTED`."""
        self._change(lambda _: gone, come)

    def _change(self, gone: Callable[[pl.DataFrame], pl.DataFrame], come: pl.DataFrame) -> None:
        with self._lock:
            retried(lambda: self._attempt(gone, come), self._table.path)

    def _attempt(self, gone: Callable[[pl.DataFrame], pl.DataFrame], come: pl.DataFrame) -> None:
        kept = self._lines()
        left = _without(kept, _without(gone(kept), come))
        new = _without(come.unique(maintain_order=True), left)
        dated = new.with_columns(pl.lit(datetime.now(UTC), TIMESTAMP).alias("rejected_at"))
        guard = {_GUARD: (self._table.number(_GUARD) or 0) + 1}
        if left.height < kept.height:
            self._table.replace(pl.concat([left, dated]), guard)
        elif new.height:
            self._table.append(dated, guard)

    def _lines(self) -> pl.DataFrame:
        self._table.refresh()
        rows = self._table.scan(self._table.files()["path"].to_list()).collect()
        once = rows.unique(REJECTED.names(), keep="first", maintain_order=True)
        return once.sort("rejected_at", "file", "line", maintain_order=True)


def _behind(lines: pl.DataFrame, reread_after: Mapping[str, int]) -> pl.DataFrame:
    """Return the lines that stand behind some lines of their files."""
    last = pl.col("file").replace_strict(dict(reread_after), default=None, return_dtype=pl.Int64)
    return lines.filter(pl.col("line") > last).select(REJECTED.names()) if reread_after else lines.clear()


def _without(lines: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    return lines.join(others, on=REJECTED.names(), how="anti", nulls_equal=True, maintain_order="left")
