"""Files that were moved or copied: their rejected lines are listed once, under the name that was read last.

Example: a.csv was pulled; then it was renamed to b.csv, and grew::

    listed      a.csv:3   {"id": …
    batch       b.csv:1   event, a duplicate      the log has all up to line 3: this is a copy of a.csv
                b.csv:2   event, a duplicate
                b.csv:3   {"id": …   rejected     the number and the bytes of a.csv:3
                b.csv:4   event, new
    listed      b.csv:3   {"id": …

Equal bytes alone prove nothing: many files begin with the same comment. So a file is a copy of another one only as
far as it has duplicates and no new event, and only if all of its rejected lines up to there are those of the other
file. A file without any event is a copy if at least two lines were rejected, and they are all of the other file's.
"""

from typing import Final

import polars as pl

from eventsource.event import REJECTED

__all__ = ["replaced_by_copies"]

_FEWEST: Final = 2
"""Rejected lines that prove a copy of a file without events."""
_SAME: Final = ("line", "raw")


def replaced_by_copies(
    listed: pl.DataFrame, rejected: pl.DataFrame, events: pl.DataFrame, new: pl.DataFrame
) -> pl.DataFrame:
    """Return those of the listed lines that are lines of copied files in a batch, as `REJECTED`.

    Args:
        listed: a frame of `REJECTED`.
        rejected: the rejected lines of the batch, as `REJECTED`.
        events: the events of the batch, as `PLACED`.
        new: those of them that the log did not have, likewise.
    """
    if listed.is_empty() or rejected.is_empty():
        return listed.clear().select(REJECTED.names())
    files = _possible_copies(listed, rejected)
    if files.is_empty():  # the usual case, and fast: the events of the batch are many
        return listed.clear().select(REJECTED.names())
    first = events.filter(pl.col("file").is_in(files.implode())).group_by("file").agg(pl.col("line").min())
    first_new = new.filter(pl.col("file").is_in(files.implode())).group_by("file").agg(pl.col("line").min())
    firsts, firsts_new = dict(first.iter_rows()), dict(first_new.iter_rows())
    found = listed.clear()
    for file in files:
        if file not in found["file"]:  # of two copies of each other one remains
            lines = rejected.filter(pl.col("file") == file)
            found = found.vstack(_originals(listed, lines, firsts.get(file), firsts_new.get(file)))
    return found.select(REJECTED.names())


def _possible_copies(listed: pl.DataFrame, rejected: pl.DataFrame) -> pl.Series:
    """Return the files with a rejected line that is listed under another file, too."""
    columns = ("file", *_SAME)
    both = pl.concat([listed.select(columns), rejected.select(columns)]).drop_nulls("file")
    shared = both.group_by(_SAME).agg(pl.col("file").n_unique().alias("files")).filter(pl.col("files") > 1)
    return rejected.join(shared, on=_SAME, how="semi")["file"].drop_nulls().unique(maintain_order=True)


def _originals(
    listed: pl.DataFrame, lines: pl.DataFrame, first: int | None, first_new: int | None
) -> pl.DataFrame:
    """Return the listed lines of the files that one file is a copy of.

    Args:
        listed: all listed lines.
        lines: the rejected lines of the file.
        first: the number of the line of its first event; None: it has none.
        first_new: the number of the line of its first new event; None: it has none.
    """
    if first_new is not None:
        lines = lines.filter(pl.col("line") < first_new)
    if lines.is_empty() or (first is not None and first == first_new):
        return listed.clear()
    others = listed.filter(pl.col("file").is_not_null() & (pl.col("file") != lines["file"][0]))
    same = others.join(lines.select(_SAME).unique(), on=_SAME, how="semi", maintain_order="left")
    counts = same.group_by("file").agg(pl.struct(_SAME).n_unique().alias("same"))
    is_copy = pl.col("same") == lines.select(pl.struct(_SAME).n_unique()).item()
    if first is None:
        all_of_file = others.group_by("file").agg(pl.struct(_SAME).n_unique().alias("all"))
        counts = counts.join(all_of_file, on="file")
        is_copy &= (pl.col("same") == pl.col("all")) & (pl.col("same") >= _FEWEST)
    return same.join(counts.filter(is_copy), on="file", how="semi", maintain_order="left")
