"""What charts can find in the demo log."""

from datetime import timedelta

import polars as pl

from tests.demo.helpers import members


def churn(events: pl.DataFrame, marked: pl.Series) -> tuple[float, float]:
    """Return the share of premium customers who cancelled: of the marked streams, and of the others."""
    cancelled = members(events, "PremiumPlanCancelled")["stream"].implode()
    buyers = members(events, "PremiumPlanBought").select("stream").unique()
    shares = buyers.group_by(pl.col("stream").is_in(marked.implode()).alias("marked")).agg(
        pl.col("stream").is_in(cancelled).mean().alias("share")
    )
    by_mark = dict(shares.iter_rows())
    return by_mark[True], by_mark[False]


def test_slow_support_is_visible(events: pl.DataFrame) -> None:
    """Premium customers who waited over four days on an early ticket cancel more than twice as often."""
    created = members(events, "CustomerCreated").group_by("stream").agg(created=pl.col("occurred_at").min())
    opened = members(events, "TicketOpened", "ticket_id").join(created, on="stream")
    closed = members(events, "TicketClosed", "ticket_id").select("ticket_id", closed="occurred_at")
    waited = opened.join(closed, on="ticket_id", how="left").filter(
        pl.col("occurred_at") - pl.col("created") <= timedelta(days=90),
        (pl.col("closed") - pl.col("occurred_at") > timedelta(days=4)).fill_null(value=True),
    )
    slow, others = churn(events, waited["stream"])
    assert slow > 2 * others


def test_vouchers_are_visible(events: pl.DataFrame) -> None:
    """Customers who came with a voucher cancel clearly more often."""
    channels = members(events, "CustomerCreated", "channel").filter(pl.col("channel") == "voucher")
    voucher, others = churn(events, channels["stream"])
    assert voucher > 1.4 * others


def test_seasons_are_visible(events: pl.DataFrame) -> None:
    """Sign-ups grow, and fewer come on weekends; December sells most."""
    signups = members(events, "CustomerCreated")["occurred_at"]
    purchases = members(events, "PurchaseMade")["occurred_at"].dt.truncate("1mo").value_counts()
    by_month = dict(purchases.iter_rows())
    on_weekends = pl.select((pl.lit(signups).dt.weekday() > 5).mean()).item()
    assert signups.dt.year().value_counts().sort("occurred_at")["count"].is_sorted()
    assert on_weekends < 2 / 7 * 0.85
    for year in (2023, 2024):
        months = {month: count for month, count in by_month.items() if month.year == year}
        assert max(months, key=lambda month: months[month]).month == 12
