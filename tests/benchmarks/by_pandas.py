"""pandas by hand: sort, then group, over typed Parquet in order of arrival."""

from typing import Any

import numpy as np
import pandas as pd

from tests.benchmarks.questions import MOMENT, after
from tests.benchmarks.workload import Input

__all__ = ["as_of", "history"]

ORDER = ["stream", "occurred_at", "position"]
STATE = ["name", "city", "premium", "orders", "spent"]


def as_of(found: Input) -> pd.DataFrame:
    """Sort, and take the last values of each group."""
    frame = pd.read_parquet(found.typed)
    frame = _marked(frame[frame["occurred_at"] < after(MOMENT)])
    states = frame.groupby("stream", sort=False).agg(
        name=("name", "last"),
        city=("city", "last"),
        premium=("premium", "last"),
        orders=("orders", "sum"),
        spent=("amount", "sum"),
        here=("here", "any"),
    )
    states["premium"] = states["premium"] == 1
    return states[states["here"]].drop(columns="here").reset_index(names="entity")


def history(found: Input) -> pd.DataFrame:
    """Fill values forward in groups, and drop rows equal to the one before."""
    frame = pd.read_parquet(found.typed)
    frame = _marked(frame[frame["type"] != "TicketOpened"])
    groups = frame.groupby("stream", sort=False)
    frame[["name", "city", "premium"]] = groups[["name", "city", "premium"]].ffill()
    frame["premium"] = frame["premium"] == 1
    frame["orders"] = groups["orders"].cumsum()
    frame["spent"] = frame["amount"].fillna(0).groupby(frame["stream"], sort=False).cumsum()
    frame["here"] = groups["here"].cummax()
    frame = frame[frame["here"] & ~_same(frame, ["stream", "occurred_at"], -1)]
    frame = frame[~_same(frame, ["stream", *STATE[:-1]], 1)]  # cumsum's floats differ where nothing was added
    until = frame["occurred_at"].shift(-1).where(_same(frame, ["stream"], -1))
    frame = frame.assign(valid_to=until).rename(columns={"stream": "entity", "occurred_at": "valid_from"})
    return frame[["entity", "valid_from", "valid_to", *STATE]]


def _marked(frame: pd.DataFrame) -> pd.DataFrame:
    kind = frame["type"]
    marks: dict[str, Any] = {
        "premium": kind.map({"PremiumPlanBought": 1.0, "PremiumPlanCancelled": 0.0}),
        "orders": (kind == "PurchaseMade").astype("int64"),
        "here": kind == "CustomerCreated",
    }
    return frame.assign(**marks).sort_values(ORDER)


def _same(frame: pd.DataFrame, columns: list[str], step: int) -> pd.Series:
    """Return for each row whether it equals its neighbour in some columns; nulls are equal."""
    same = pd.Series(np.arange(len(frame)) != (0 if step > 0 else len(frame) - 1), index=frame.index)
    for name in columns:
        mine, other = frame[name], frame[name].shift(step)
        same &= (mine == other).fillna(value=False).astype(bool) | (mine.isna() & other.isna())
    return same
