"""The moments of a trend: steps between two ends, of which either may be left open."""

from datetime import date, datetime

from eventsource.index import View
from eventsource.moment import (
    Moment,
    day_of,
    first_instant,
    is_calendar_step,
    last_day_of_step,
    last_days_of_steps,
    last_instant,
    steps,
)

__all__ = ["trend_moments"]


def trend_moments(
    view: View, every: str, *, since: Moment | None, until: Moment | None, tz: str
) -> list[date | datetime]:
    """Return ``since``, ``since + every``, … up to ``until``; the events decide an end that is None.

    Such an end is the last day of the calendar step (for steps of hours or less: the day) that contains the first
    or the last event. The last moment may be in the future. Without events there are no moments.
    """
    if since is not None and not is_calendar_step(every):
        since = first_instant(since, tz)  # the first hour of a day begins with it
    if since is not None and until is not None:
        return steps(since, until, every, tz)
    if view.span is None:
        return []
    first, last = (day_of(moment, tz) for moment in view.span)
    if not is_calendar_step(every):
        begin = first_instant(first, tz) if since is None else since
        return steps(begin, last if until is None else until, every, tz)
    if since is not None:
        return steps(since, last_day_of_step(last, every), every, tz)
    final = last if until is None else day_of(first_instant(until, tz), tz)
    limit = None if until is None else last_instant(until, tz)
    ends = last_days_of_steps(first, final, every)
    return [end for end in ends if limit is None or last_instant(end, tz) <= limit]
