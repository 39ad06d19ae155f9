"""Rejected lines by kind of reason."""

from typing import Final

import polars as pl

__all__ = ["rejected_by_reason"]

_VALUE: Final = r'"(\\.|[^"])*"?|\d+'
"""The texts and numbers in a reason, which are those of the line."""


def rejected_by_reason(rejected: pl.DataFrame) -> pl.DataFrame:
    """Return ``reason`` of the first line, ``lines``, ``file``, ``line`` of each kind of reason, most lines first.

    Reasons that differ only in the values of the line are of one kind: ``version is "v1", not an integer``.
    """
    kind = pl.col("reason").str.replace_all(_VALUE, "…").str.replace(r"(?s): .*", "")
    groups = rejected.group_by(kind.alias("kind"), maintain_order=True)
    first = pl.col("reason", "file", "line").first()
    found = groups.agg(first, lines=pl.len().cast(pl.Int64)).select("reason", "lines", "file", "line")
    return found.sort("lines", descending=True, maintain_order=True)
