"""The size policy of the index: pure functions that say which files to merge, rewrite or split.

Two costs are traded. *Write amplification* is how often an event is written again after its first time. *Read
amplification* is the extra work of a question: files to open, and pending events to merge into the parts. The
functions here know row counts only, so that each rule can be read, and tested, without files.

Runs merge like the tiers of an LSM tree: newest first, while the run before is at most twice as large::

    rows of runs, oldest first     800  200  90  40  20 | 15      15 events were added
    20 <= 2 * 15                   800  200  90  40  35
    40 <= 2 * 35                   800  200  90  75
    90 <= 2 * 75                   800  200 165
    200 <= 2 * 165                 800  365
    800 >  2 * 365                 800  365                       so the newest five runs become one

Each run that stays is then more than twice as large as the next. So a log has about log2(rows) runs, and an event
is merged about as often. Runs do not grow beyond `Sizes.max_run`; a large log has a few full runs more.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from msgspec import Struct
from msgspec.structs import replace

from eventsource.decode import RowNumbers

__all__ = [
    "Sizes",
    "first_entities",
    "is_rebuild_cheaper",
    "parts_to_rewrite",
    "runs_to_merge",
    "split_entity",
]

_SAMPLE = 100_000
"""Rows that are sampled to choose where parts begin: enough for parts within a few percent of their size."""


class Sizes(Struct, frozen=True):
    """Bounds for the files of an index, in rows (events that a plan reads).

    Args:
        in_memory: logs with at most this many events are decoded in memory, without any files. More: faster first
            questions of small logs, but every process decodes again.
        max_run: runs are merged only up to this many rows. This bounds the memory that a merge needs.
        part: the rows of a part when it is built. A part with more than twice as many is split. All events of an
            entity are in one part, so a part with a large entity may be larger.
        max_sort: the rows that are sorted in memory at a time when all parts are built.
        rewrite_share: a part is rewritten when its pending events are more than this share of its rows. An event
            is then written about 1 / ``rewrite_share`` times on its way into a part, and a question merges
            at most about this share of pending events.
        correction: as how many pending events a correction counts. Parts take corrections in early, since a
            question pays for the first one that a part lacks nearly as much as for all others together.
    """

    in_memory: int = 20_000
    max_run: int = 1_000_000
    part: int = 500_000
    max_sort: int = 1_000_000
    rewrite_share: float = 1 / 16
    correction: int = 5_000

    def for_width(self, width: int) -> "Sizes":
        """Return the sizes for rows that are ``width`` times as wide as usual: files of about as many bytes."""
        max_run, part, max_sort = (max(size // width, 1) for size in (self.max_run, self.part, self.max_sort))
        return replace(self, max_run=max_run, part=part, max_sort=max_sort)


def runs_to_merge(rows: Sequence[int], max_run: int) -> int:
    """Return how many of the newest runs become one; 1: none are merged.

    Args:
        rows: the rows of each run, oldest first.
        max_run: the rows that a merged run may have.
    """
    count, merged = 1, rows[-1]
    for before in reversed(rows[:-1]):
        if before > 2 * merged or before + merged > max_run:
            break
        count, merged = count + 1, merged + before
    return count


def is_rebuild_cheaper(part_rows: int, pending_rows: int) -> bool:
    """Return whether to sort all events again rather than to merge the pending ones into the parts.

    With more pending events than merged ones nearly every part would be rewritten, and split, anyway.
    """
    return pending_rows > part_rows


def parts_to_rewrite(
    part_rows: Sequence[int], pending_rows: Sequence[int], *, added: int, rewrite_share: float
) -> list[int]:
    """Return the numbers of the parts to merge with their pending events, the most urgent first.

    A part is due when its pending events are more than ``rewrite_share`` of its rows. In the long run a due part
    costs 1 / ``rewrite_share`` row writes per pending event. One update may spend twice as much for each event
    that it adds. So a short append never rewrites the whole index, and parts that became due together are still
    done sooner than new ones become due. At least one due part is rewritten where any event was added.

    Args:
        part_rows: per part, the rows that it has.
        pending_rows: per part, its pending events.
        added: the events that this update adds.
        rewrite_share: see `Sizes`.
    """
    budget = 2 * added / rewrite_share
    chosen = []
    for number in sorted(range(len(part_rows)), key=lambda number: -pending_rows[number]):
        if pending_rows[number] > part_rows[number] * rewrite_share and budget > 0:
            chosen.append(number)
            budget -= part_rows[number]
    return chosen


def sampling_interval(rows: int) -> int:
    """Return of how many rows one is sampled for `first_entities`."""
    return max(rows // _SAMPLE, 1)


def first_entities(sample: pl.Series, rows: int, part: int) -> list[str]:
    """Return the lowest entity id of each part to build, so that parts have about equally many rows.

    Args:
        sample: the entities of some rows, drawn evenly, sorted; see `sampling_interval`.
        rows: how many rows there are.
        part: how many rows a part shall have.
    """
    count = -(-rows // part)
    quantiles = [len(sample) * number // count for number in range(1, count)]
    return ["", *sample.gather(quantiles).unique().sort().to_list()]


def split_entity(starts: RowNumbers, part: int) -> int | None:
    """Return the number of the entity where a part is split in two halves; None: it is not split.

    Args:
        starts: the first row of each of its entities, and at last its number of rows.
        part: how many rows a part shall have.
    """
    entities, rows = len(starts) - 1, int(starts[-1])
    if rows <= 2 * part or entities < 2:  # noqa: PLR2004 - two halves need two entities
        return None
    return min(max(int(np.searchsorted(starts, rows // 2)), 1), entities - 1)
