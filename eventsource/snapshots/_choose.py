"""Which snapshot leaves the fewest events to fold, and why one cannot be used.

These are pure functions: they read no file.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from msgspec import Struct

from eventsource.index import View
from eventsource.snapshots._store import Snapshot

__all__ = ["Request", "Thresholds", "Unusable", "choose_snapshot", "unusable"]


class Thresholds(Struct, frozen=True, kw_only=True):
    """When reading a snapshot is faster than folding.

    Args:
        min_entities: a question for fewer entities reads their events instead: they are in so few row groups that
            this is faster.
        max_share: a snapshot helps only where at most this share of all events, or of all states, has to be
            folded beside it.
        cached_bytes: the states of the snapshot read last stay in memory if its file is not larger.
    """

    min_entities: int = 100
    max_share: float = 1 / 3
    cached_bytes: int = 32 * 1024 * 1024


class Unusable(Struct, frozen=True):
    """Why no snapshot, or a certain one, answers a question.

    Args:
        reason: a sentence without a full stop.
    """

    reason: str


class Request(Struct, frozen=True):
    """What a question needs of a snapshot.

    Args:
        moment: the states after all events up to this instant; None: after all events.
        upto: only events with position < ``upto`` may be in it.
        known_at: only events with ``recorded_at`` <= ``known_at`` may be in it; None: all.
        order: the fold order of the plan: ``occurred_at`` or ``recorded_at``.
        columns: the payload columns that the events of the question have, sorted: they decide the dtypes of
        fields.
    """

    moment: datetime | None
    upto: int
    known_at: datetime | None
    order: str
    columns: tuple[str, ...]

    @classmethod
    def of(cls, view: View, moment: datetime | None) -> "Request":
        """Return what a question for the states at a moment needs."""
        return cls(moment, view.upto, view.known_at, view.plan.order, view.seen_columns(moment))


def unusable(snapshot: Snapshot, request: Request) -> Unusable | None:
    """Return why a snapshot cannot answer a request; None: it can."""
    return next((Unusable(reason) for reason in _obstacles(snapshot, request)), None)


def _obstacles(snapshot: Snapshot, request: Request) -> Iterator[str]:
    if snapshot.columns != request.columns:
        yield "the question sees other payload members, or other kinds of values, than the snapshot has"
    if snapshot.position > request.upto:
        yield "it has events from positions that the question does not see"
    if request.moment is not None and snapshot.moment > request.moment:
        yield "its moment is later than the one asked for"
    if request.known_at is None:
        return
    if request.order == "recorded_at":
        yield "with known_at, events recorded later may have moved the clocks of its streams"
    if snapshot.last_recorded_at is not None and snapshot.last_recorded_at > request.known_at:
        yield "it has events that were recorded after known_at"


def choose_snapshot(
    snapshots: Sequence[Snapshot], request: Request, cost: Callable[[Snapshot], float], max_share: float
) -> Snapshot | Unusable:
    """Return the usable snapshot that leaves the fewest events to fold.

    Args:
        snapshots: all there are, by moment.
        request: what the question needs.
        cost: the share of all events that a question which starts from a snapshot still has to fold.
        max_share: the largest cost that is worth it.

    Returns:
        Of several that leave equally few, the latest one: it has the most events. `Unusable`: none is usable or
        worth it; the reason is that of the latest, or of the best.
    """
    reasons = {snapshot: unusable(snapshot, request) for snapshot in snapshots}
    costs = {snapshot: cost(snapshot) for snapshot, reason in reasons.items() if reason is None}
    if not costs:
        latest = reasons[snapshots[-1]] if snapshots else None
        return latest or Unusable("no snapshot was taken yet")
    best = min(costs, key=lambda snapshot: (costs[snapshot], -snapshot.moment.timestamp(), -snapshot.position))
    if costs[best] > max_share:
        return Unusable(f"about {costs[best]:.0%} of all events would still have to be folded")
    return best
