"""Event ids that occur more than once."""

import polars as pl

__all__ = ["in_part", "repeated_ids"]


def repeated_ids(events: pl.LazyFrame, parts: int) -> pl.DataFrame:
    """Return ``event_id``, ``times``, ``first`` (position) of ids that occur more than once, by first position."""
    found = [_repeated(events.filter(in_part("event_id", part, parts))) for part in range(parts)]
    return pl.concat(found).sort("first", "event_id")


def in_part(column: str, part: int, parts: int) -> pl.Expr:
    """Return which rows belong to a part. Equal values of a column are in the same part."""
    return pl.lit(value=True) if parts == 1 else pl.col(column).hash() % parts == part


def _repeated(events: pl.LazyFrame) -> pl.DataFrame:
    groups = events.group_by("event_id").agg(times=pl.len(), first=pl.col("position").min())
    return groups.filter(pl.col("times") > 1).collect(engine="streaming")
