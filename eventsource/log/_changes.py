"""What changes a log: append and pull, corrections, retries of rejected lines, erasure, tidying.

`Log` describes these methods. Their code is here, so that a question imports none of it. Each change first
finishes an erasure that another process has begun.
"""

from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from msgspec.structs import replace

from eventsource.errors import LogError
from eventsource.event import REJECTED, Batch, Source, check_events, events_from_dicts
from eventsource.log._conflicts import CONFLICT_REASON
from eventsource.log._correct import (
    Correction,
    CorrectionRequest,
    propose_corrections,
    read_correction_requests,
)
from eventsource.log._eraser import Eraser, Request
from eventsource.log._erasure_records import Erasure
from eventsource.log._pull import (
    Pulled,
    PullProgress,
    check_first_ids,
    check_source,
    pull_batches,
    refuse_rejected_lines,
)
from eventsource.log._rejected import RejectedLines, belongs_to
from eventsource.log._sweep import Tidied
from eventsource.log._table import Table
from eventsource.log._writer import Appended, Writer

if TYPE_CHECKING:
    from eventsource.log import Log

__all__ = ["Changes"]


class Changes:
    """What changes one log.

    Args:
        path: the log as the user named it.
        base: its folder or URL.
        table: opens the table of events.
        rejected: the rejected lines.
        newest_head: returns the head of the log as of now.
    """

    def __init__(
        self,
        path: str,
        base: str,
        table: Callable[[], Table],
        rejected: RejectedLines,
        newest_head: Callable[[], int],
    ) -> None:
        self._rejected, self._newest_head = rejected, newest_head
        self._writer, self._eraser = Writer(table(), rejected), Eraser(path, base, table(), rejected)

    def append(self, events: Any, *, strict: bool) -> Appended:
        """See `Log.append`."""
        self._eraser.finish()
        events = events_from_dicts(events) if isinstance(events, list) else events
        frame = check_events(events if isinstance(events, pl.DataFrame) else pl.DataFrame(events))
        appended = self._writer.commit(Batch(frame, {}), "append", None, strict=strict)
        self._writer.compact()
        return appended

    def correct(self, log: "Log", corrections: Iterable[CorrectionRequest] | str | Path) -> list[Correction]:
        """See `Log.correct_all`."""
        is_file = isinstance(corrections, str | Path)
        requests = read_correction_requests(corrections) if is_file else corrections  # type: ignore[arg-type]  # a path
        proposed = propose_corrections(log, requests)  # type: ignore[arg-type]  # no path
        if events := [dict(each.envelope) for each in proposed if each.envelope is not None]:
            self.append(events, strict=True)
        return proposed

    def pull(
        self,
        log: "Log",
        source: Source,
        progress: Callable[[PullProgress], None] | None,
        *,
        strict: bool,
        again: bool,
        allow_repeated_ids: bool,
    ) -> Pulled:
        """See `Log.pull`."""
        check_source(source)
        self._eraser.finish()
        if strict:
            refuse_rejected_lines(source.name, source.batches({} if again else log.checkpoint(source)))
        checkpoint = log.checkpoint(source)
        batches = source.batches({} if again else checkpoint)
        pulled = pull_batches(
            batches if allow_repeated_ids else check_first_ids(batches),
            lambda batch: self._writer.commit(batch, source.name, checkpoint),
            size=None if progress is None else source.size,
            head=self._newest_head(),
            progress=progress,
        )
        self._writer.compact()
        return pulled

    def retry(self, log: "Log", source: Source, *, strict: bool) -> Pulled:
        """See `Log.retry`."""
        check_source(source)
        self._eraser.finish()
        lines = log.rejected().filter(belongs_to(source))
        retried = lines.filter(~pl.col("reason").str.starts_with(CONFLICT_REASON)).select(REJECTED.names())
        batch = source.decode(retried)
        if strict:
            refuse_rejected_lines(source.name, [batch])
        pulled = pull_batches(
            [replace(batch, checkpoint={})],
            lambda decoded: self._writer.commit(decoded, source.name, None),
            head=self._newest_head(),
        )
        # After the events: if we crash here, the lines stay listed and are duplicates on the next retry.
        self._rejected.replace(retried, batch.rejected)
        return pulled

    def clear_rejected(self, log: "Log", source: Source | str | None) -> int:
        """See `Log.clear_rejected`."""
        self._eraser.finish()
        lines = log.rejected().select(REJECTED.names())
        if source is not None:
            lines = lines.filter(belongs_to(source))
        self._rejected.replace(lines, lines.clear())
        return lines.height

    def erase(
        self,
        stream: str | Collection[str] | None,
        event_ids: str | Collection[str] | None,
        reason: str,
        by: str | None,
        *,
        hash_ids: bool,
        dry_run: bool,
    ) -> Erasure:
        """See `Log.erase`."""
        wanted = Request.of(stream, event_ids, reason, by, hash_ids=hash_ids)
        return self._eraser.find(wanted) if dry_run else self._eraser.erase(wanted)

    def receipts(self) -> pl.DataFrame:
        """See `Log.erasure_receipts`."""
        return self._eraser.receipts()

    def tidy(self, hours: int) -> Tidied:
        """See `Log.tidy`."""
        if isinstance(hours, bool) or not isinstance(hours, int) or hours < 0:
            raise LogError(f"hours: expected a whole number from 0 on, got {hours!r}", hint="log.tidy(hours=24)")
        self._eraser.finish()
        return self._writer.tidy(hours) + self._rejected.remove_unneeded_files(hours=hours)
