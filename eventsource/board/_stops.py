"""The stops of the sliders: moments to ask about, and days on which it was known.

The stops *as of* come with the moment before each of them, which changes are counted from::

    stops           31 Mar       30 Jun
    before (3mo)    31 Dec 2023  30 Mar       moments of their own: answers are computed for them too
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from eventsource.errors import ReportError
from eventsource.moment import Moment, epoch_microseconds, last_instant, moments_of, parse_moment

__all__ = ["Stops", "stops_of"]

_MOST_STOPS: Final = 120
"""Stops of one slider; each of them is answered once for every stop of the other."""


@dataclass(frozen=True, slots=True)
class Stops:
    """The moments of one slider, in their order.

    Args:
        moments: the stops.
        start: the number of the stop that the page opens with.
        before: the moment before each stop; empty for the slider *as known on*.
        tz: the zone of the moments that name none.
        step: how long before each stop the moment before it is; empty for the slider *as known on*.
    """

    moments: tuple[date | datetime, ...]
    start: int
    before: tuple[date | datetime, ...]
    tz: str
    step: str = ""

    @property
    def asked(self) -> list[date | datetime]:
        """All moments that have answers: the stops, then the other moments before them, each once."""
        return list(dict.fromkeys([*self.moments, *self.before]))

    @property
    def periods(self) -> tuple[list[datetime], list[datetime]]:
        """The instants of `asked`, and where the period before each begins."""
        begins = [_earlier(moment, self.step) for moment in self.asked]
        ends, starts = ([last_instant(each, self.tz) for each in moments] for moments in (self.asked, begins))
        return ends, starts

    @property
    def instants(self) -> list[datetime]:
        """The instants of the stops."""
        return [last_instant(moment, self.tz) for moment in self.moments]

    def plain(self) -> dict[str, Any]:
        """Return what the page needs, as JSON: ISO texts, instants as microseconds, numbers of moments."""
        asked = self.asked
        return {
            "moments": [moment.isoformat() for moment in asked],
            "instants": [epoch_microseconds(last_instant(moment, self.tz)) for moment in asked],
            "stops": len(self.moments),
            "start": self.start,
            "before": [asked.index(moment) for moment in self.before],
        }


def stops_of(
    name: str,
    moments: Sequence[Moment],
    start: Moment | None,
    *,
    tz: str,
    before: str = "",
    last: Moment | None = None,
) -> Stops:
    """Return the stops of a slider, sorted, each once.

    Args:
        name: the name of the argument, for messages.
        moments: the stops, in any order.
        start: the stop to open with, which becomes a stop; default: the last one.
        tz: the zone of moments that name none.
        before: how long before each stop the moment is that changes are counted from, such as ``"3mo"``.
        last: a moment that is a stop too.

    Raises:
        ReportError: there are no stops, or too many.
        MomentError: a stop is not a moment.
    """
    wanted = [parse_moment(moment) for moment in (*moments, start, last) if moment is not None]
    by_instant = {last_instant(moment, tz): moment for moment in reversed(wanted)}
    stops = tuple(by_instant[instant] for instant in sorted(by_instant))
    if not 1 <= len(stops) <= _MOST_STOPS:
        raise ReportError(
            f"{name}: expected 1 to {_MOST_STOPS} moments, got {len(stops)}",
            hint="month-ends, and days of their own",
        )
    first = len(stops) - 1 if start is None else sorted(by_instant).index(last_instant(start, tz))
    earlier = (_earlier(stop, before) for stop in stops if before)
    return Stops(stops, first, tuple(earlier), tz, before)


def _earlier(moment: date | datetime, step: str) -> date | datetime:
    return moments_of({"stop": moment, "before": f"stop - {step}"})["before"]
