"""Moments: which instants a date, a datetime or a text means, for one value or a whole column.

The rules are those of the specification:

* A datetime means that instant, inclusive. Without a zone it is local to ``tz``.
* A date (``date`` or ``"2024-06-30"``) means that whole day in ``tz``, including its last microsecond.
* A local time that a clock change skips is taken with the offset before the gap; of one that it repeats, the first
  instant is meant.
* Instants are UTC and have microseconds. Finer digits are cut off. A leap second (``23:59:60``) is the last
  microsecond of its minute.
* The calendar has the years 1 to 9999. Its first day includes all time before it, its last day all time after
  it.

One moment is read by `last_instant` and `first_instant`, a column by `last_instants` and `parse_times`. Steps such
as month-ends are made by `steps` and `last_days_of_steps`. `moments_in_order` reads moments that name each other,
such as the parameters of a report.
"""

from eventsource.moment._columns import (
    FIRST_MICROSECOND,
    LAST_MICROSECOND,
    check_calendar,
    last_instants,
    localised,
    null_outside_calendar,
    parse_times,
    time_unit,
)
from eventsource.moment._in_order import is_reference, moments_in_order, moments_of, references_resolved
from eventsource.moment._instants import (
    Moment,
    day_of,
    epoch_microseconds,
    first_instant,
    instant_of_local_time,
    last_instant,
    parse_moment,
    readable_time,
    relative_moment,
    time_zone,
)
from eventsource.moment._steps import (
    first_days_back_from,
    is_calendar_step,
    last_day_of_step,
    last_days_of_steps,
    steps,
)

__all__ = [
    "FIRST_MICROSECOND",
    "LAST_MICROSECOND",
    "Moment",
    "check_calendar",
    "day_of",
    "epoch_microseconds",
    "first_days_back_from",
    "first_instant",
    "instant_of_local_time",
    "is_calendar_step",
    "is_reference",
    "last_day_of_step",
    "last_days_of_steps",
    "last_instant",
    "last_instants",
    "localised",
    "moments_in_order",
    "moments_of",
    "null_outside_calendar",
    "parse_moment",
    "parse_times",
    "readable_time",
    "references_resolved",
    "relative_moment",
    "steps",
    "time_unit",
    "time_zone",
]
