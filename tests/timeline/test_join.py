"""`Timeline.join`: a frame with the state of each row's entity at the row's own moment."""

from datetime import UTC, date, datetime

import pandas as pd
import polars as pl
import pytest

from eventsource.errors import ModelError
from tests.timeline.shopkit import customers

TICKETS = pl.DataFrame(
    {
        "ticket": [1, 2, 3, 4],
        "customer": ["bob", "ada", "bob", "eve"],
        "opened": [date(2024, 3, 1), date(2024, 1, 10), date(2024, 1, 31), date(2024, 1, 31)],
    }
)


def test_every_row_gets_the_state_at_its_own_moment() -> None:
    """Rows keep their order. A row whose entity does not exist at its moment has nulls."""
    joined = customers().join(TICKETS, on="customer", at="opened")
    assert joined.columns == ["ticket", "customer", "opened", "tier", "orders", "spent"]
    assert joined.select("ticket", "tier", "orders").rows() == [
        (1, None, None),
        (2, "basic", 1),
        (3, "basic", 0),
        (4, None, None),
    ]


def test_a_datetime_is_an_instant_and_a_date_a_whole_day() -> None:
    """Moments of one column may be texts of both kinds."""
    rows = pl.DataFrame({"id": ["ada"] * 3, "at": ["2024-01-10", "2024-01-10T11:59:59Z", "2024-01-10T12:00:00Z"]})
    assert customers().join(rows, on="id", at="at")["orders"].to_list() == [1, 0, 1]


def test_dates_mean_days_in_the_zone_of_the_question() -> None:
    """On the evening of 1 January in New York it is already 2 January in UTC."""
    rows = pl.DataFrame({"id": ["bob"], "at": [date(2024, 2, 29)]})
    assert customers().join(rows, on="id", at="at")["orders"].item() == 1
    assert customers(tz="America/New_York").join(rows, on="id", at="at")["orders"].item() is None


def test_a_prefix_keeps_names_apart() -> None:
    """A column that the frame already has is an error without one."""
    rows = TICKETS.with_columns(tier=pl.lit("x"))
    with pytest.raises(ModelError, match="already has a column 'tier'"):
        customers().join(rows, on="customer", at="opened")
    joined = customers().join(rows, on="customer", at="opened", prefix="customer_")
    assert joined.columns[-3:] == ["customer_tier", "customer_orders", "customer_spent"]


def test_a_column_that_does_not_exist_is_an_error() -> None:
    """The hint lists the columns of the frame."""
    with pytest.raises(ModelError, match="ticket, customer, opened"):
        customers().join(TICKETS, on="client", at="opened")


def test_pandas_and_lazy_frames_are_accepted() -> None:
    """So are plain dictionaries; the answer is a Polars frame."""
    expected = customers().join(TICKETS, on="customer", at="opened")
    moments = TICKETS.with_columns(pl.col("opened").cast(pl.String))
    frames = (TICKETS.lazy(), moments.to_pandas(), moments.to_dict(as_series=False))
    assert isinstance(frames[1], pd.DataFrame)
    for frame in frames:
        assert customers().join(frame, on="customer", at="opened")["orders"].equals(expected["orders"])


def test_integer_ids_are_matched_as_text() -> None:
    """As the ids of logs are texts."""
    rows = pl.DataFrame({"id": [1], "at": [datetime(2024, 1, 1, tzinfo=UTC)]})
    assert customers().join(rows, on="id", at="at")["orders"].to_list() == [None]


def test_a_frame_without_rows_gets_the_columns() -> None:
    """In the dtypes of the fields."""
    joined = customers().join(TICKETS.clear(), on="customer", at="opened")
    assert joined.schema == customers().join(TICKETS, on="customer", at="opened").schema
