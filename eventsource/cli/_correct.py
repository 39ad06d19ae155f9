"""The commands `correct` and `retract`: say that events of the log were wrong, or never happened."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from msgspec import Struct

from eventsource.cli._config import Project
from eventsource.cli._errors import UsageError
from eventsource.cli._options import LogOption
from eventsource.cli._parameters import Argument, Option
from eventsource.cli._terminal import confirm, note, say
from eventsource.log import Correction, propose_corrections, read_correction_requests
from eventsource.messages import counted

__all__ = ["correct", "retract"]

_SHOWN: Final = 20
"""Corrections that are shown before the question."""

EventId = Annotated[str | None, Argument(metavar="EVENT_ID", help="The id of the event.")]
File = Annotated[
    Path | None,
    Option(
        "--file",
        metavar="FILE",
        help="Several at once: JSON Lines or CSV with event_id and what else the options say.",
    ),
]


class How(Struct, frozen=True):
    """Why events are corrected, in which log, and whether to ask."""

    reason: Annotated[str | None, Option("--reason", metavar="TEXT", help="Why; explain and replay show it.")] = (
        None
    )
    yes: Annotated[bool, Option("--yes", "-y", help="Do not ask.")] = False
    log: LogOption = None

    def apply(self, requests: Sequence[dict[str, Any]]) -> None:
        """Show what corrections change, ask, and append them."""
        target = Project.find().open(self.log)
        reasoned = [{**({"reason": self.reason} if self.reason else {}), **request} for request in requests]
        proposed = propose_corrections(target, reasoned)
        _show(proposed)
        events = [dict(each.envelope) for each in proposed if each.envelope is not None]
        if not events:
            note("nothing to correct")
            return
        what = counted(len(events), "correction")
        if not self.yes:
            confirm(f"Append {what} to {target.path}?")
        head = target.append(events, strict=True).head
        say(f"{what} appended; {target.path} holds {counted(head, 'event')}")


def correct(
    how: How,
    event_id: EventId = None,
    *,
    data: Annotated[
        str | None, Option("--data", metavar="JSON", help="The right payload as a whole, a JSON object.")
    ] = None,
    type: Annotated[str | None, Option("--type", metavar="TYPE", help="The right event type.")] = None,  # noqa: A002 - the name of the option
    at: Annotated[
        str | None, Option("--at", metavar="TIME", help="When it was true (occurred_at); UTC without a zone.")
    ] = None,
    file: File = None,
) -> None:
    """Correct events: from now on they are read with other parts.

    The log keeps both, and questions with an earlier --known-at or --upto see the event as it arrived. A
    correction replaces parts of the event as it arrived: repeat what is still right of an earlier correction.
    A correction without parts restores the event as it arrived.
    """
    parts = {"data": data, "type": type, "occurred_at": at}
    how.apply(_requests(event_id, file, {name: value for name, value in parts.items() if value is not None}))


def retract(how: How, event_id: EventId = None, *, file: File = None) -> None:
    """Retract events: from now on they are read as if they had never been.

    The log keeps them, and questions with an earlier --known-at or --upto still see them. eventsource correct
    brings an event back.
    """
    how.apply([{**request, "retract": True} for request in _requests(event_id, file, {})])


def _requests(event_id: str | None, file: Path | None, parts: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what was typed, or what a file says.

    Raises:
        UsageError: both or none are given.
    """
    if event_id is not None and file is None:
        return [{"event_id": event_id, **parts}]
    if event_id is None and file is not None and not parts:
        return read_correction_requests(file)
    got = "neither" if event_id is None and file is None else "both"
    raise UsageError(
        f"expected the id of an event or --file, got {got}", hint="eventsource correct EVENT_ID --data …"
    )


def _show(proposed: Sequence[Correction]) -> None:
    for each in proposed[:_SHOWN]:
        say(str(each))
    if len(proposed) > _SHOWN:
        note(f"and {counted(len(proposed) - _SHOWN, 'more event')}")
