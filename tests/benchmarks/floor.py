"""The floor: what Polars needs to read the columns of the five fields, and nothing else."""

from pathlib import Path

import polars as pl

from tests.benchmarks.workload import Input

__all__ = ["read_columns", "read_index"]

_MEMBERS = ('=["name"', '=["address.city"', '=["amount"')


def read_columns(found: Input) -> pl.DataFrame:
    """Return every event's columns of the five fields, stream and moment, from the file that others start from."""
    return pl.scan_parquet(found.typed).select("stream", "type", "occurred_at", "name", "city", "amount").collect()


def read_index(found: Input) -> pl.DataFrame | None:
    """Return the same from the index, which names each entity once; None: the log has no index files.

    It knows how the index is laid out, and nothing else here does: clustered events are the files
    ``log/index/*/part-*.parquet``; the name of a member's column begins with ``=["path"``; flags and counts are in
    ``type``.
    """
    files = sorted(Path(found.log).glob("index/*/part-*.parquet"))
    if not files:
        return None
    events = pl.scan_parquet(files)
    members = [name for name in events.collect_schema() if name.startswith(_MEMBERS)]
    if len(members) < len(_MEMBERS):
        raise SystemExit(f"the index names its columns in another way than {_MEMBERS}")
    return events.select("at", "type", *members).collect()
