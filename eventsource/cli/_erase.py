"""The commands that remove: `erase` what events say, for the right to be forgotten; `tidy` files that are left."""

from typing import Annotated, Any

from msgspec import Struct

from eventsource.cli._config import Project
from eventsource.cli._errors import UsageError
from eventsource.cli._options import LogOption
from eventsource.cli._output import OutputOptions
from eventsource.cli._parameters import Option
from eventsource.cli._terminal import confirm, note, say

__all__ = ["erase", "tidy"]


class Wanted(Struct, frozen=True):
    """Which events are erased, and why."""

    stream: Annotated[
        list[str] | None,
        Option("--stream", metavar="NAME", help="All events of this stream. May be repeated."),
    ] = None
    event: Annotated[list[str] | None, Option("--event", metavar="ID", help="This event. May be repeated.")] = None
    reason: Annotated[
        str | None, Option("--reason", metavar="TEXT", help="Why, for the receipt. Name no person in it.")
    ] = None
    hash_ids: Annotated[
        bool, Option("--hash-ids", help="Replace the ids, and the names of the streams, by salted hashes.")
    ] = False

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of `Log.erase`.

        Raises:
            UsageError: nothing is to be erased, or there is no reason.
        """
        if not self.stream and not self.event:
            raise UsageError("expected what to erase, got nothing", hint="--stream NAME or --event ID")
        if not self.reason:
            raise UsageError("expected a reason for the receipt, got none", hint='--reason "request 17"')
        events = {"stream": self.stream or (), "event_ids": self.event or ()}
        return {**events, "reason": self.reason, "hash_ids": self.hash_ids}


def erase(
    wanted: Wanted,
    shown: OutputOptions,
    *,
    log: LogOption = None,
    yes: Annotated[bool, Option("--yes", help="Do not ask.")] = False,
    receipts: Annotated[bool, Option("--receipts", help="List the receipts of earlier erasures.")] = False,
) -> None:
    """Remove payload and metadata of events from every file of the log; keep a receipt.

    Corrections of these events, rejected lines that name them, older versions, index and snapshots go with them.
    Positions, ids, types and times stay. This cannot be undone. Raw files and backups are not reached, and a read
    model is rebuilt by its next refresh.
    """
    target = Project.find().open(log)
    if receipts:
        shown.show(target.erasure_receipts(), f"Erasures of {target.path}")
        return
    if not yes:
        confirm(f"Erase {target.erase(**wanted.arguments, dry_run=True)} from {target.path}, permanently?")
    done = target.erase(**wanted.arguments)
    say(f"erased: {done}; receipt {done.id}")
    note("raw files and backups still have them; a read model is rebuilt by its next refresh")


def tidy(
    *,
    log: LogOption = None,
    hours: Annotated[
        int, Option("--hours", metavar="N", min=0, help="Keep files that some version needed in the last N hours.")
    ] = 24,
) -> None:
    """Remove files that no version of the log needs any more.

    Compaction leaves such files for readers that still use them; so do writers that were killed. No event is lost.
    Others may read and append meanwhile.
    """
    target = Project.find().open(log)
    say(f"{target.tidy(hours=hours)} removed from {target.path}")
