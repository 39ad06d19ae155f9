"""The floor: what Polars needs to read the columns of the five fields from the index, and nothing else."""

from pathlib import Path

import polars as pl

from tests.benchmarks.workload import Input

__all__ = ["read_columns"]

_MEMBERS = ("=name", "=address.city", "=amount")


def read_columns(found: Input) -> pl.DataFrame | None:
    """Return the columns of the five fields of every event, and their moments; None: the log has no index files.

    It knows how the index is laid out, and nothing else here does: clustered events are the files
    ``log/index/*/part-*.parquet``; the name of a member's column begins with ``=path``; flags and counts are in
    ``type``.
    """
    files = sorted(Path(found.log).glob("index/*/part-*.parquet"))
    if not files:
        return None
    events = pl.scan_parquet(files)
    members = [name for name in events.collect_schema() if name.startswith(_MEMBERS)]
    return events.select("at", "type", *members).collect()
