"""Snapshots: folded states at a position and a moment, which later questions start from.

A snapshot is a cache of partial states. A question for the states at a later moment reads them, folds only the
events that the snapshot lacks, and merges both. The answer is that of all events, to the last bit. Where a
snapshot does not help, the reason is a value: `Unusable`.

========== =========================================================================================
module     what it does
========== =========================================================================================
_store     writes, reads, lists and removes snapshot files; the format on disk
_choose    which snapshot leaves the fewest events to fold, and why one cannot be used (pure)
_partial   partial states: what a snapshot holds, and how those of later events are merged in
_answer    the states at a moment, from a snapshot and the events that it lacks
_policy    when snapshots are due, and how many are kept (pure)
_take      folds events and stores their states
_verify    compares answers with and without each snapshot
_use       `Snapshots`: which of them a question of one timeline uses, and when one is due
========== =========================================================================================
"""

from eventsource.snapshots._choose import Thresholds, Unusable
from eventsource.snapshots._policy import SnapshotPolicy
from eventsource.snapshots._store import Snapshot, SnapshotStore
from eventsource.snapshots._take import take_snapshot
from eventsource.snapshots._use import Snapshots
from eventsource.snapshots._verify import verify_snapshots

__all__ = [
    "Snapshot",
    "SnapshotPolicy",
    "SnapshotStore",
    "Snapshots",
    "Thresholds",
    "Unusable",
    "take_snapshot",
    "verify_snapshots",
]
