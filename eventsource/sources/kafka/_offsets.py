"""Where a pull begins in each partition, and what it can no longer see. Pure: it is tested without a broker.

Example: partition 0 was read up to 40, partition 1 up to 7; meanwhile the retention deleted messages::

    partition    checkpoint    begin … end    reads
    0            40            120 … 300      120 … 300, if gaps are allowed; 40 … 119 are gone: a gap
    1            7             0 … 90         7 … 90
    2            none          0 … 15         0 … 15: the topic has more partitions than before
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eventsource.errors import SourceError
from eventsource.messages import counted
from eventsource.sources.kafka._client import Span

__all__ = ["Start", "lost_history", "place_after", "start_of"]

_ALLOW = (
    "to read what is there: allow_gaps=True, or ?allow_gaps=true in the URL; the gap is kept in the checkpoint"
)


@dataclass(frozen=True, slots=True)
class Start:
    """Where a pull begins.

    Args:
        offsets: partition → offset of the next message.
        gaps: partition, first and last offset of messages that were deleted before they were read, of all pulls.
        notes: sentences for the user.
    """

    offsets: Mapping[int, int]
    gaps: tuple[tuple[int, int, int], ...] = ()
    notes: tuple[str, ...] = ()


def start_of(place: Any, spans: Mapping[int, Span], topic: str, *, is_compacted: bool, allow_gaps: bool) -> Start:
    """Return where a pull begins.

    Args:
        place: that of the checkpoint, see `place_after`; None: the topic was never read.
        spans: partition → offsets that it has now.
        topic: the name of the topic.
        is_compacted: whether the topic is compacted.
        allow_gaps: whether to read a topic whose history is not whole.

    Raises:
        SourceError: messages are gone and gaps are not allowed, or a partition ends before the checkpoint.
    """
    before: dict[int, int] = {} if place is None else {int(each): at for each, at in place["offsets"].items()}
    gaps: list[tuple[int, int, int]] = [] if place is None else [(each, *gap) for each, *gap in place["gaps"]]
    if is_compacted and not allow_gaps:
        raise SourceError(
            f"topic {topic!r} is compacted (cleanup.policy=compact): Kafka keeps only the last messages of each "
            "key, so that earlier moments cannot be answered; nothing was read",
            hint=_ALLOW,
        )
    offsets, notes = {}, []
    for partition, span in sorted(spans.items()):
        at = before.get(partition, 0)
        if at > span.end:
            raise SourceError(
                f"partition {partition} of topic {topic!r} ends at offset {span.end:,}, before the checkpoint at "
                f"{at:,}: the cluster has lost messages that were read; nothing was read",
                hint="to compare all messages with the log: eventsource pull --again",
            )
        if at < span.begin:
            error = lost_history(topic, partition, at, span.begin)
            if not allow_gaps:
                raise error
            gaps.append((partition, at, span.begin - 1))
            notes.append(str(error).partition("\n")[0])
        offsets[partition] = max(at, span.begin)
    if is_compacted and place is None:
        notes.append(f"topic {topic!r} is compacted: the log has only the messages that Kafka has kept")
    if before and len(spans) > len(before):
        notes.append(
            f"topic {topic!r} has {counted(len(spans), 'partition')}, it had {len(before)}: keys may have moved "
            "to another partition, and events of such a stream are in order within each partition only"
        )
    return Start(offsets, tuple(gaps), tuple(notes))


def lost_history(topic: str, partition: int, at: int, begin: int) -> SourceError:
    """Return the error for messages that were deleted before they were read."""
    return SourceError(
        f"partition {partition} of topic {topic!r} begins at offset {begin:,}: the offsets {at:,} to "
        f"{begin - 1:,} were deleted before they were read (by its retention, or on request)",
        hint=_ALLOW,
    )


def place_after(start: Start, offsets: Mapping[int, int]) -> dict[str, Any]:
    """Return the place of a checkpoint: the offset of the next message per partition, and the gaps."""
    return {"offsets": {str(each): at for each, at in offsets.items()}, "gaps": [list(gap) for gap in start.gaps]}
