"""When snapshots are taken automatically, and how many are kept. These are pure functions: they read no file."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice, takewhile

from msgspec import Struct

from eventsource.errors import ModelError
from eventsource.moment import day_of, first_days_back_from, first_instant, is_calendar_step
from eventsource.snapshots._store import Snapshot

__all__ = ["SnapshotPolicy", "due_moments"]


class SnapshotPolicy(Struct, frozen=True, kw_only=True):
    """When snapshots are taken automatically, and how many are kept.

    Args:
        events: take a snapshot of all events after this many new events; None: never for that reason.
        every: take a snapshot at each end of such a calendar step of valid time, a Polars duration such as
            ``"1mo"``; None: never for that reason.
        keep: how many snapshots are kept, those of the newest moments; at least one.

    Raises:
        ModelError: the policy would take no snapshot, keep none, or take one at each question; or an argument is
            not a number or not a calendar step.
    """

    events: int | None = None
    every: str | None = None
    keep: int = 24

    def __post_init__(self) -> None:
        if self.events is None and self.every is None:
            raise ModelError(
                "expected events= or every=, got neither: no snapshot would be taken", hint='every="1mo"'
            )
        for name, example in (("events", "100_000"), ("keep", "24")):
            number = getattr(self, name)
            if (name == "keep" or number is not None) and not isinstance(number, int):
                raise ModelError(f"expected {name} to be an integer, got {number!r}", hint=f"{name}={example}")
            if number is not None and number < 1:
                raise ModelError(f"expected {name} >= 1, got {number}", hint=f"{name}={example}")
        if self.every is not None and not (isinstance(self.every, str) and is_calendar_step(self.every)):
            raise ModelError(
                f"expected every to be a calendar step, got {self.every!r}",
                hint='whole days, such as "1mo" or "1w"',
            )


def due_moments(
    policy: SnapshotPolicy, existing: Sequence[Snapshot], span: tuple[datetime, datetime], head: int, tz: str
) -> list[datetime | None]:
    """Return the moments of the snapshots that a policy asks for and that do not exist; None: of all events.

    Args:
        policy: the policy.
        existing: the snapshots that are there.
        span: the first and the last moment of all events.
        head: the head of the log, which is the number of its events.
        tz: the zone of calendar steps.
    """
    due: list[datetime | None] = []
    newest = max((snapshot.position for snapshot in existing if snapshot.is_complete), default=0)
    if policy.events is not None and head - newest >= policy.events:
        due.append(None)
    if policy.every is not None:
        moments = [snapshot.moment for snapshot in existing]
        # A step end with as many later snapshots as are kept would be removed at once, and taken again next time.
        due += [
            end
            for end in _ended_steps(policy.every, span, policy.keep, tz)
            if end not in moments and sum(moment > end for moment in moments) < policy.keep
        ]
    return due


def _ended_steps(every: str, span: tuple[datetime, datetime], count: int, tz: str) -> list[datetime]:
    """Return the ends of the last `count` completed steps, at most."""
    begins = (first_instant(day, tz) for day in first_days_back_from(day_of(span[1], tz), every))
    over = takewhile(lambda begin: begin > span[0], begins)
    return [begin - timedelta(microseconds=1) for begin in islice(over, count)]
