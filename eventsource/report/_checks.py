"""Checks: what must hold before the page of a run replaces the one before it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from eventsource.errors import ReportError
from eventsource.report._about import Freshness
from eventsource.report._execute import Failure
from eventsource.report._expectations import Expectation
from eventsource.report._settings import Checks
from eventsource.report._sizes import in_words, seconds_of
from eventsource.report._state import LogState

__all__ = ["Broken", "ChecksFailedError", "broken_checks", "freshness_of"]

_HINT: Final = "correct the data, or the checks of the definition; the last good page stays"


class ChecksFailedError(ReportError):
    """A check of a report does not hold: no page was published. ``failure`` names the checks, without data."""

    def __init__(self, message: str, failure: Failure, *, hint: str = _HINT) -> None:
        super().__init__(message, hint=hint)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Broken:
    """A check that does not hold.

    Args:
        check: what it demands; it has no data, so pages may show it.
        why: the values, for the terminal.
    """

    check: str
    why: str


def broken_checks(checks: Checks, states: Sequence[LogState], results: Mapping[str, Any]) -> list[Broken]:
    """Return the counts and expectations that do not hold; freshness is not among them, see `freshness_of`."""
    found = []
    events = sum(state.position for state in states)
    rejected = sum(state.rejected for state in states)
    if events < checks.events_at_least:
        check = f"at least {checks.events_at_least:,} events"
        found.append(Broken(check, f"expected {check}, got {events:,}"))
    if checks.rejected_at_most is not None and rejected > checks.rejected_at_most:
        check = f"at most {checks.rejected_at_most:,} rejected lines"
        found.append(Broken(check, f"expected {check}, got {rejected:,}"))
    failures = ((text, Expectation.of(text).failure(results)) for text in checks.expect)
    return found + [Broken(text, why) for text, why in failures if why]


def freshness_of(states: Sequence[LogState], max_age: str, now: datetime) -> Freshness | None:
    """Return how fresh the data of a report are; None: it reads no log.

    The data are as old as the last moment at which an event was recorded in any of its logs.
    """
    if not states:
        return None
    occurred = max((state.occurred_at for state in states if state.occurred_at is not None), default=None)
    recorded = max((state.recorded_at for state in states if state.recorded_at is not None), default=None)
    is_stale = bool(max_age) and (recorded is None or now - recorded > timedelta(seconds=seconds_of(max_age)))
    events = sum(state.position for state in states)
    return Freshness(
        occurred,
        recorded,
        position=states[0].position,
        events=events,
        rejected=sum(state.rejected for state in states),
        max_age=in_words(max_age) if max_age else None,
        is_stale=is_stale,
    )
