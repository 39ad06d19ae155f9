"""What a page says about itself: what it is, what it was asked, how fresh its data are, what it was made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from eventsource.messages import counted
from eventsource.report._utc_minutes import utc_minute

__all__ = ["About", "Freshness", "Link"]


@dataclass(frozen=True, slots=True)
class Link:
    """A link to another file of ``reports/out``.

    Args:
        href: its address, relative to the page.
        text: what the link says.
    """

    href: str
    text: str


@dataclass(frozen=True, slots=True)
class Freshness:
    """How fresh the data of a page are.

    Args:
        occurred_at: when the last event happened; None: the log is empty.
        recorded_at: the latest moment at which an event was recorded; None: the log is empty.
        position: the position that the log was read up to.
        events: how many events there are before it.
        rejected: lines that could not be read.
        max_age: the oldest that the definition allows the data to be, in words, such as ``2 days``; None: any.
        is_stale: whether they were older than that when the page was made.
    """

    occurred_at: datetime | None
    recorded_at: datetime | None
    position: int
    events: int
    rejected: int
    max_age: str | None = None
    is_stale: bool = False


@dataclass(frozen=True, slots=True)
class About:
    """What a page says about itself.

    Args:
        title: the title of the page.
        description: a sentence below it, plain text; may be empty.
        parameters: what was asked, in words: label and value.
        freshness: of the data; None: the notebook reads no log.
        made: when the page was made, in UTC: for a pinned run, when its position was pinned.
        warning: why the page must not be trusted as it is, such as a later run that failed; None: nothing.
        previous: the page of the run before; None: there is none.
        next: the page of the run after; None: there is none yet.
        changes: pages that compare this run with its neighbours.
        index: the page that lists all reports; None: there is none.
        manifest: what the page was made of; the page contains it as JSON.
    """

    title: str
    made: datetime
    description: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    freshness: Freshness | None = None
    warning: str | None = None
    previous: Link | None = None
    next: Link | None = None
    changes: tuple[Link, ...] = ()
    index: Link | None = None
    manifest: Mapping[str, Any] = field(default_factory=dict)

    def lines(self) -> list[tuple[str, str]]:
        """Return what the head of the page says, as pairs of a label and a text."""
        return [*self.parameters, *self._data(), ("made", utc_minute(self.made))]

    def _data(self) -> list[tuple[str, str]]:
        if (data := self.freshness) is None:
            return []
        until = "no events" if data.occurred_at is None else f"until {utc_minute(data.occurred_at)}"
        rejected = f", {counted(data.rejected, 'line')} not taken" if data.rejected else ""
        return [("data", f"{until}, position {data.position:,}{rejected}")]
