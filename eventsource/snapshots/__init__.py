"""Snapshots: folded states at a position and a moment, which later questions start from.

A snapshot is a cache, keyed by the plan's fingerprint and the log's identity: a changed model or another log never
finds it, and deleting it changes no answer.
"""

from eventsource.snapshots._store import Shelf, Snapshot, SnapshotPolicy
from eventsource.snapshots._use import from_snapshot, nearest, taken, taken_if_due

__all__ = ["Shelf", "Snapshot", "SnapshotPolicy", "from_snapshot", "nearest", "taken", "taken_if_due"]
