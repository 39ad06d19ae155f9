"""The lower bound: the time that Polars needs only to read the columns of the five fields."""

from pathlib import Path

import polars as pl

from tests.benchmarks.workload import Input

__all__ = ["read_columns", "read_index"]

_MEMBERS = ('=["name"', '=["address.city"', '=["amount"')


def read_columns(found: Input) -> pl.DataFrame:
    """Return the columns of the five fields, the stream and the moment, from the file that all others read."""
    return pl.scan_parquet(found.typed).select("stream", "type", "occurred_at", "name", "city", "amount").collect()


def read_index(found: Input) -> pl.DataFrame | None:
    """Return the same columns from the index, which stores each entity once; None if the log has no index.

    Only this function depends on the files of the index: clustered events are in ``log/index/*/part-*.parquet``,
    the name of a member's column begins with ``=["path"``, and flags and counts are in ``type``.
    """
    files = sorted(Path(found.log).glob("index/*/part-*.parquet"))
    if not files:
        return None
    events = pl.scan_parquet(files)
    members = [name for name in events.collect_schema() if name.startswith(_MEMBERS)]
    if len(members) < len(_MEMBERS):
        raise SystemExit(f"expected columns of the index that begin with {_MEMBERS}, got {members}")
    return events.select("at", "type", *members).collect()
