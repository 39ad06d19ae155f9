"""Rejected lines by cause."""

import polars as pl

from eventsource.log import CAUSE

__all__ = ["rejected_by_reason"]


def rejected_by_reason(rejected: pl.DataFrame) -> pl.DataFrame:
    """Return ``reason`` of the first line, ``lines``, ``file``, ``line`` of each cause, most lines first."""
    groups = rejected.group_by(CAUSE, maintain_order=True)
    first = pl.col("reason", "file", "line").first()
    found = groups.agg(first, lines=pl.len().cast(pl.Int64)).select("reason", "lines", "file", "line")
    return found.sort("lines", descending=True, maintain_order=True)
