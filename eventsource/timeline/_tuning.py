"""Sizes and thresholds of a timeline's caches."""

from msgspec import Struct, field

from eventsource.index import Sizes
from eventsource.snapshots import Thresholds

__all__ = ["Tuning"]


class Tuning(Struct, frozen=True, kw_only=True):
    """Sizes and thresholds of the caches. They decide how long an answer takes, never what it is.

    The defaults were measured and suit logs of any size. Tests set small sizes, so that a few events fill many
    files.

    Args:
        index: how many rows the files of the index hold.
        snapshots: when a snapshot is worth its reading.
    """

    index: Sizes = field(default_factory=Sizes)
    snapshots: Thresholds = field(default_factory=Thresholds)
