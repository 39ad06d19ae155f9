"""Polars by hand: sort, then group, over typed Parquet in order of arrival. Its answers need not be sorted."""

from typing import Any

import polars as pl

from tests.benchmarks.questions import DAYS, MOMENT, MONTHS, after, day_of
from tests.benchmarks.workload import Input

__all__ = ["as_of", "histories", "history", "join", "trend", "trend_days"]

ORDER = ("stream", "occurred_at", "position")
STATE = ("name", "city", "premium", "orders", "spent")
PLANS = {"PremiumPlanBought": True, "PremiumPlanCancelled": False}
KIND = pl.col("type")
PREMIUM = KIND.replace_strict(PLANS, default=None, return_dtype=pl.Boolean)
CREATED = KIND == "CustomerCreated"


def as_of(found: Input) -> pl.DataFrame:
    """Sort, and take the last values of each group."""
    latest = pl.col("name", "city").drop_nulls().last()
    states = (
        pl.scan_parquet(found.typed)
        .filter(pl.col("occurred_at") < after(MOMENT))
        .sort(ORDER)
        .group_by("stream")
        .agg(
            latest,
            PREMIUM.drop_nulls().last().fill_null(value=False).alias("premium"),
            (KIND == "PurchaseMade").sum().cast(pl.Int64).alias("orders"),
            pl.col("amount").sum().alias("spent"),
            CREATED.any().alias("here"),
        )
    )
    return states.filter("here").select(pl.col("stream").alias("entity"), *STATE).collect()


def history(found: Input) -> pl.DataFrame:
    """Fill values forward in groups, and drop rows equal to the one before."""
    return _intervals(pl.scan_parquet(found.typed)).collect()


def histories(found: Input) -> list[pl.DataFrame]:
    """Return the histories of some entities, one after the other."""
    events = pl.scan_parquet(found.typed)
    return [_intervals(events.filter(pl.col("stream") == entity)).collect() for entity in found.asked]


def trend(found: Input) -> pl.DataFrame:
    """Count premium customers and all customers at 36 month-ends, from the changes in each month."""
    return _trend(found, "1mo", *MONTHS)


def trend_days(found: Input) -> pl.DataFrame:
    """Count them at the ends of 1,000 days."""
    return _trend(found, "1d", *DAYS)


def join(found: Input) -> pl.DataFrame:
    """Join rows with `join_asof` to the states after each event of their entities."""
    rows = pl.scan_parquet(found.rows)
    wanted = rows.select(pl.col("entity").unique().alias("stream"))
    steps = _steps(pl.scan_parquet(found.typed).join(wanted, on="stream", how="semi"))
    joined = rows.sort("at").join_asof(
        steps.sort("occurred_at"),
        left_on="at",
        right_on="occurred_at",
        by_left="entity",
        by_right="stream",
        check_sortedness=False,  # it cannot be checked in groups
    )
    return joined.select("row", *STATE).collect()


def _steps(events: pl.LazyFrame) -> pl.LazyFrame:
    """Return the state after each instant of an entity that exists by then."""
    mine: Any = {"partition_by": "stream"}
    states = (
        events.filter(KIND != "TicketOpened")
        .sort(ORDER)
        .with_columns(
            pl.col("name", "city").forward_fill().over(**mine),
            PREMIUM.forward_fill().over(**mine).fill_null(value=False).alias("premium"),
            (KIND == "PurchaseMade").cast(pl.Int64).cum_sum().over(**mine).alias("orders"),
            pl.col("amount").fill_null(0).cum_sum().over(**mine).alias("spent"),
            CREATED.cum_max().over(**mine).alias("here"),
        )
    )
    same = (pl.col("stream") == pl.col("stream").shift(-1)) & (
        pl.col("occurred_at") == pl.col("occurred_at").shift(-1)
    )
    return states.filter(~same.fill_null(value=False)).filter("here").select("stream", "occurred_at", *STATE)


def _intervals(events: pl.LazyFrame) -> pl.LazyFrame:
    unchanged = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift()) for name in ("stream", *STATE))
    changed = _steps(events).filter(~unchanged)
    follows = pl.col("stream").shift(-1) == pl.col("stream")
    until = pl.when(follows).then(pl.col("occurred_at").shift(-1))
    return changed.select(
        pl.col("stream").alias("entity"),
        pl.col("occurred_at").alias("valid_from"),
        until.alias("valid_to"),
        *STATE,
    )


def _trend(found: Input, every: str, first: str, last: str) -> pl.DataFrame:
    steps = (
        pl.scan_parquet(found.typed)
        .filter(KIND.is_in(["CustomerCreated", *PLANS]))
        .sort(ORDER)
        .with_columns(
            CREATED.cum_max().over("stream").cast(pl.Int64).alias("customers"),
            PREMIUM.forward_fill().over("stream").fill_null(value=False).cast(pl.Int64).alias("premium"),
        )
        .with_columns(pl.col("premium") * pl.col("customers"))
    )
    deltas = pl.col("premium", "customers").diff().over("stream").fill_null(pl.col("premium", "customers"))
    until = pl.col("occurred_at").dt.truncate(every).dt.offset_by(every).dt.offset_by("-1d").dt.date()
    sums = steps.select(pl.max_horizontal(until, pl.lit(day_of(first))).alias("as_of"), deltas)
    grid = pl.select(pl.date_range(day_of(first), day_of(last), every).alias("as_of")).lazy()
    if every == "1mo":
        grid = grid.with_columns(pl.col("as_of").dt.month_end())
    found_sums = grid.join(sums.group_by("as_of").sum(), on="as_of", how="left", maintain_order="left")
    return found_sums.with_columns(pl.col("premium", "customers").fill_null(0).cum_sum()).collect()
