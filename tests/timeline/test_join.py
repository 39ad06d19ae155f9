"""`Timeline.join`: a frame with the state of each row's entity at the row's own moment."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import polars as pl
import pytest
from msgspec.structs import replace

import eventsource as es
from eventsource.errors import ModelError, MomentError
from eventsource.fold import Engine, Events, PolarsEngine, ReferenceEngine
from eventsource.index import _known_rows
from eventsource.testing import MemoryLog, event
from eventsource.timeline import Timeline
from tests.timeline.shopkit import customers

START = datetime(2024, 1, 1, tzinfo=UTC)


class Account(es.Model):
    """A sum, and a function that every event in order matters to."""

    spent = es.total("Paid", of="amount")
    story = es.reduce(lambda state, event: f"{state}/{event.data['amount']}", "Paid", initial="", dtype=pl.String)


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


@pytest.mark.parametrize("engine", [PolarsEngine(), ReferenceEngine()])
def test_each_row_may_have_a_known_at_of_its_own(engine: Engine) -> None:
    """A payment that was recorded late is not in the rows that were decided before that."""
    events = [
        event("Paid", "ada", at="2024-01-01", amount=10),
        event("Paid", "ada", at="2024-01-02", recorded_at="2024-01-09", amount=5),
        event("Paid", "ada", at="2024-01-03", amount=1),
        event("Paid", "ada", at="2024-01-03", recorded_at="2024-01-04T12:00", amount=100),
    ]
    rows = pl.DataFrame(
        {
            "id": ["ada"] * 7 + ["eve", None],
            "at": [date(2024, 1, 5)] * 6 + [None] + [date(2024, 1, 5)] * 2,
            "decided": ["2023-12-31", "2024-01-01", "2024-01-03", "2024-01-05", "2024-01-09", None, "2024-01-09"]
            + ["2024-01-09"] * 2,
        }
    )
    line = Timeline(MemoryLog(events), Account, engine=engine)
    joined = line.join(rows, on="id", at="at", known_at="decided")
    assert joined["spent"].to_list() == [None, 10, 11, 111, 116, None, None, None, None]
    assert joined["story"].to_list() == [None, "/10", "/10/1", "/10/1/100", "/10/5/1/100", None, None, None, None]
    assert joined.columns == ["id", "at", "decided", "spent", "story"]
    assert line.join(rows, on="id", at="at", known_at="2024-01-03")["spent"].to_list()[:6] == [11] * 6


def test_with_clocks_that_run_backwards_rows_have_the_order_of_their_time() -> None:
    """An event recorded later had not moved the clock yet, so versions decide where moments were equal."""
    events = [
        event("Paid", "ada", at="2024-01-01T10:00", amount=1, version=1),
        event("Paid", "ada", at="2024-01-01T12:00", amount=2, version=9),
        event("Paid", "ada", at="2024-01-01T09:00", amount=3, version=3),
        event("Paid", "ada", at="2024-01-01T11:00", amount=4, version=4),
    ]
    plan = replace(Account.plan, order="recorded_at")
    rows = pl.DataFrame(
        {"id": ["ada"] * 3, "at": ["2024-01-02"] * 3, "known": [f"2024-01-01T{hour}:00Z" for hour in (10, 11, 12)]}
    )
    line = Timeline(MemoryLog(events), plan)
    found = line.join(rows, on="id", at="at", known_at="known")["story"].to_list()
    assert found == ["/1/3", "/1/3/4", "/1/3/4/2"]
    assert found == [line.as_of("2024-01-02", known_at=row["known"])["story"].item() for row in rows.to_dicts()]


@pytest.mark.parametrize("engine", [PolarsEngine(), ReferenceEngine()])
@pytest.mark.parametrize("order", ["occurred_at", "recorded_at"])
def test_a_correction_counts_for_rows_that_were_decided_after_it(engine: Engine, order: Any) -> None:
    """Each row reads an event as it was known: as it arrived, corrected, retracted, or brought back."""

    def correction(kind: str, hour: int, **data: Any) -> dict[str, Any]:
        return event(kind, "ada", at=f"2024-01-02T{hour:02}:00", event_id=f"k{hour}") | {"data": data}

    events = [
        event("Paid", "ada", at="2024-01-01T10:00", event_id="e1", amount=1),
        event("Paid", "ada", at="2024-01-01T12:00", event_id="e2", amount=2),
        event("Paid", "bob", at="2024-01-01T12:00", amount=5),
        correction("$corrected", 3, event_id="e1", data={"amount": 30}, occurred_at="2024-01-01T13:00:00Z"),
        correction("$corrected", 9, event_id="e1", data={"amount": "a text"}, type="Unheard"),
        correction("$retracted", 6, event_id="e1"),
        correction("$corrected", 12, event_id="e1", data={"amount": 12}),
    ]
    hours = [2, 3, 5, 6, 8, 11, 12]
    known = [datetime(2024, 1, 2, hour, tzinfo=UTC) for hour in hours]
    rows = pl.DataFrame({"id": ["ada"] * 7 + ["bob"], "at": ["2024-01-01"] * 8, "known": [*known, known[0]]})
    line = Timeline(MemoryLog(events), replace(Account.plan, order=order), engine=engine)
    found = line.join(rows, on="id", at="at", known_at="known")
    alone = [line.as_of(row["at"], known_at=row["known"], entity=row["id"]) for row in rows.to_dicts()]
    assert found["story"].to_list() == [state["story"].item() for state in alone]
    late = "/2/30" if order == "occurred_at" else "/30/2"
    assert found["story"].to_list() == ["/1/2", late, late, "/2", "/2", "/2", "/12/2", "/5"]
    assert found["spent"].to_list() == [3, 32, 32, 2, 2, 2, 14, 5]


def test_a_known_at_that_could_mean_two_things_is_an_error() -> None:
    """It is one moment, or the name of a column; a name that is neither is an error that lists the columns."""
    rows = TICKETS.with_columns(pl.col("opened").alias("2024-01-01"))
    with pytest.raises(ModelError, match="is a moment, and the frame has a column of that name"):
        customers().join(rows, on="customer", at="opened", known_at="2024-01-01")
    with pytest.raises(MomentError, match="expected a moment or a column as known_at, got 'known'") as caught:
        customers().join(TICKETS, on="customer", at="opened", known_at="known")
    assert "ticket, customer, opened" in str(caught.value.hint)


def test_rows_of_one_entity_with_many_late_events_take_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rows see different events, only some of them are copied at a time."""
    events = [
        event(
            "Paid",
            "ada",
            at=START + timedelta(hours=n),
            recorded_at=START + timedelta(hours=n * 7919 % 400),
            amount=n,
        )
        for n in range(300)
    ]
    moments = [START + timedelta(hours=hour) for hour in range(0, 400, 3)]
    rows = pl.DataFrame({"id": ["ada"] * len(moments), "at": moments})
    line = Timeline(MemoryLog(events), Account)
    expected = line.join(rows, on="id", at="at", known_at="at")
    largest = 0

    def states_at(self: PolarsEngine, events: Events, asked: pl.DataFrame) -> pl.DataFrame:
        nonlocal largest
        largest = max(largest, len(events.clustered))
        return original(self, events, asked)

    original = PolarsEngine.states_at
    monkeypatch.setattr(PolarsEngine, "states_at", states_at)
    monkeypatch.setattr(_known_rows, "_MOST_ROWS", 500)
    assert line.join(rows, on="id", at="at", known_at="at").equals(expected)
    assert 300 <= largest <= 500 + 300
    for row in expected.gather_every(17).to_dicts():
        alone = line.as_of(row["at"], known_at=row["at"])
        assert row["spent"] == (alone["spent"].item() if alone.height else None)
