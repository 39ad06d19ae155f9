"""Which faults spoil an answer about many rows, such as a ``join``: those of a row's entity up to its moment.

An entity that is asked for at several moments counts up to the last of them.
"""

import polars as pl

__all__ = ["asked_faults"]


def asked_faults(faults: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    """Return the faults of asked entities up to the last moment that each is asked for, in their order.

    Args:
        faults: faults, see `eventsource.fold.FAULTS`.
        asked: ``entity`` and ``at``; nulls ask for nothing.
    """
    last = asked.group_by("entity").agg(pl.col("at").max().alias("|last"))
    here = faults.join(last, on="entity", how="inner", maintain_order="left")
    return here.filter(pl.col("at") <= pl.col("|last")).drop("|last")
