"""Plain Python: a loop over events, over typed Parquet in order of arrival."""

from typing import Any

import polars as pl

from tests.benchmarks.questions import FIELDS, MOMENT, after
from tests.benchmarks.workload import Input

__all__ = ["as_of"]

COLUMNS = ("stream", "type", "name", "city", "amount")


def as_of(found: Input) -> pl.DataFrame:
    """Apply one event after the other to a dictionary of states."""
    before = pl.scan_parquet(found.typed).filter(pl.col("occurred_at") < after(MOMENT))
    states: dict[str, list[Any]] = {}
    for stream, kind, name, city, amount in (
        before.sort("occurred_at", "position").select(COLUMNS).collect().iter_rows()
    ):
        state = states.setdefault(stream, [None, None, False, 0, 0.0, False])
        if name is not None:
            state[0] = name
        if city is not None:
            state[1] = city
        if kind in ("PremiumPlanBought", "PremiumPlanCancelled"):
            state[2] = kind == "PremiumPlanBought"
        elif kind == "PurchaseMade":
            state[3] += 1
            state[4] += amount
        elif kind == "CustomerCreated":
            state[5] = True
    rows = [(stream, *state[:5]) for stream, state in states.items() if state[5]]
    dtypes = (pl.String, pl.String, pl.String, pl.Boolean, pl.Int64, pl.Float64)
    return pl.DataFrame(rows, schema=list(zip(("entity", *FIELDS), dtypes, strict=True)), orient="row")
