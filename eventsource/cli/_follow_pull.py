"""`pull --follow`: a service that pulls at intervals, tries again after failures, and stops at a signal."""

from collections.abc import Callable, Sequence
from typing import Annotated

from msgspec import Struct

from eventsource.cli._errors import UsageError
from eventsource.cli._options import HealthOption, RetriesOption
from eventsource.cli._parameters import Option
from eventsource.cli._progress import Bar
from eventsource.cli._status_line import StatusLine
from eventsource.cli._terminal import note
from eventsource.errors import ReadModelError
from eventsource.event import LagSource, Source, SourceLag
from eventsource.log import Log, Pulled
from eventsource.messages import counted
from eventsource.service import Service

__all__ = ["FollowOptions", "Lag", "follow_sources"]

_PANEL = "Service"


class FollowOptions(Struct, frozen=True):
    """Whether a pull is repeated, and how."""

    follow: Annotated[
        bool, Option("--follow", help="Pull again and again, until SIGTERM or Ctrl-C.", panel=_PANEL)
    ] = False
    every: Annotated[
        str,
        Option("--every", metavar="DURATION", help="The time between two pulls, such as 1s or 5m.", panel=_PANEL),
    ] = "5s"
    retries: RetriesOption = None
    health: HealthOption = None


class _Round(Struct, frozen=True):
    """What the pulls of one round did."""

    pulled: tuple[Pulled, ...]
    rebuilt: str = ""

    @property
    def position(self) -> int:
        return self.pulled[-1].head

    @property
    def done(self) -> str:
        appended = sum(each.appended for each in self.pulled)
        rejected = sum(each.rejected + each.conflicts for each in self.pulled)
        parts = [counted(appended, "event") + " appended"] if appended else []
        parts += [counted(rejected, "line") + " rejected"] if rejected else []
        return ", ".join([*parts, *(text for each in self.pulled for text in each.notes)])


class Lag(Struct, frozen=True):
    """How far the log is behind all sources together."""

    lags: tuple[SourceLag, ...]

    @property
    def events(self) -> int | None:
        """How many events; None if a source does not know it."""
        known = [each.events for each in self.lags if each.events is not None]
        return sum(known) if known and len(known) == len(self.lags) else None

    @property
    def seconds(self) -> float | None:
        """The age of the oldest of them; None if a source does not know it."""
        known = [each.seconds for each in self.lags if each.seconds is not None]
        return max(known) if known and len(known) == len(self.lags) else None

    def __str__(self) -> str:
        held = [reason for each in self.lags for reason in each.held]
        count, age = self.events, self.seconds
        since = f" for {age:.0f} s" if age else ""
        if count or (count is None and age):
            number = "an unknown number of events" if count is None else counted(count, "event")
            return "; ".join([f"{number} behind{since}", *held])
        is_unknown = count is None and age is None
        return "; ".join(["how far behind is not known" if is_unknown else "up to date", *held])


def follow_sources(
    log: Log, sources: Sequence[Source], how: FollowOptions, pull: Callable[[Source], Pulled]
) -> None:
    """Pull sources at intervals until a signal; a pull that runs is finished first.

    Args:
        log: the log.
        sources: the sources, pulled one after the other in each round.
        how: the options.
        pull: pulls a source.

    Raises:
        UsageError: an option cannot be used.
    """
    line = StatusLine(log.path, sources[0].name, Bar())
    try:
        service = Service.of(how.every, how.retries, how.health, line.show)
    except ReadModelError as error:
        raise UsageError.of(error) from error
    note(f"pulling {counted(len(sources), 'source')} into {log.path} every {how.every}; Ctrl-C stops the service")

    def lag() -> Lag:
        return Lag(tuple(log.lag(each) for each in sources if isinstance(each, LagSource)))

    service.run(lambda: _Round(tuple(pull(each) for each in sources)), lag)
