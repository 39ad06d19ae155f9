"""The snapshots of one timeline: taken when they are due, and used where they help."""

from datetime import datetime
from typing import NamedTuple

import polars as pl

from eventsource.errors import DerivedFileWarning, IndexFileError
from eventsource.event import EventLog
from eventsource.index import View
from eventsource.messages import warn
from eventsource.plan import Plan
from eventsource.snapshots._answer import lost_events, states_from_snapshot
from eventsource.snapshots._choose import Request, Thresholds, Unusable, choose_snapshot
from eventsource.snapshots._policy import SnapshotPolicy
from eventsource.snapshots._store import Snapshot, SnapshotStore
from eventsource.snapshots._take import take_due_snapshots

__all__ = ["Snapshots"]


class Snapshots:
    """The snapshots of one plan on one log.

    Args:
        log: the log; one in memory has no snapshots.
        plan: the plan.
        tz: the zone of the calendar steps of policies.
        policy: which snapshots are taken automatically, as states are asked for; None: none.
        thresholds: when reading a snapshot is faster than folding.
    """

    def __init__(
        self,
        log: EventLog,
        plan: Plan,
        *,
        tz: str = "UTC",
        policy: SnapshotPolicy | None = None,
        thresholds: Thresholds | None = None,
    ) -> None:
        self.log, self.plan, self.tz, self.policy = log, plan, tz, policy
        self.thresholds = thresholds or Thresholds()
        self.store = SnapshotStore(log, plan, cached_bytes=self.thresholds.cached_bytes)
        self._contained: set[Snapshot] = set()

    def states(
        self,
        view: View,
        moment: datetime | None,
        *,
        entities: pl.Series | None = None,
        take_due: bool = False,
    ) -> pl.DataFrame | Unusable:
        """Return the states at a moment from the snapshot that leaves the fewest events to fold.

        Args:
            view: the events that the question sees.
            moment: the states after all events up to this instant; None: after all events.
            entities: only states of these ids; None: of all.
            take_due: whether to take the snapshots that the policy asks for first; only for a view that reaches
                the head of the log.
        """
        if take_due and self.policy is not None and self._obstacle(entities) is None:
            self._take_due_if_writable(view, self.policy)
        found = self._start(view, moment, entities)
        return found if isinstance(found, Unusable) else found.states

    def snapshot_for(
        self, view: View, moment: datetime | None, *, entities: pl.Series | None = None
    ) -> Snapshot | Unusable:
        """Return the snapshot that `states` starts from, or why it starts from none."""
        found = self._start(view, moment, entities)
        return found if isinstance(found, Unusable) else found.snapshot

    def take_due(self, view: View, policy: SnapshotPolicy) -> list[Snapshot]:
        """Take the snapshots that a policy asks for; see `take_due_snapshots`."""
        existing = [snapshot for snapshot in self.store.sound() if self._lost_events(snapshot) is None]
        return take_due_snapshots(view.without_known_at(), self.store, policy, existing, self.tz)

    def _take_due_if_writable(self, view: View, policy: SnapshotPolicy) -> None:
        """Take the snapshots that are due; a question is answered without them where they cannot be written."""
        try:
            self.take_due(view, policy)
        except IndexFileError as error:
            warn(str(error), DerivedFileWarning)

    def _obstacle(self, entities: pl.Series | None) -> Unusable | None:
        """Return why a question for some entities, or for all, uses no snapshot at all; None: it may use one."""
        if not self.log.path:
            return Unusable("a log in memory has no snapshots")
        if entities is not None and len(entities) < self.thresholds.min_entities:
            return Unusable(f"fewer than {self.thresholds.min_entities:,} entities: the index is faster")
        return None

    def _start(self, view: View, moment: datetime | None, entities: pl.Series | None) -> "_Start | Unusable":
        if (obstacle := self._obstacle(entities)) is not None:
            return obstacle
        snapshot = self._choose(view, moment)
        if isinstance(snapshot, Unusable):
            return snapshot
        try:
            states = states_from_snapshot(
                view, self.store, snapshot, moment, entities=entities, max_share=self.thresholds.max_share
            )
        except pl.exceptions.PolarsError:  # another program wrote it: all events give the answer
            return Unusable("its states cannot be merged with later events")
        return states if isinstance(states, Unusable) else _Start(snapshot, states)

    def _choose(self, view: View, moment: datetime | None) -> Snapshot | Unusable:
        """Return the snapshot that leaves the fewest events to fold, of those whose events the log still has."""

        def cost(snapshot: Snapshot) -> float:
            return view.parts.expected_share(snapshot.position, snapshot.moment, moment)

        snapshots, request, first_lost = self.store.sound(), Request.of(view, moment), None
        if not snapshots and self.store.has_damage:
            return Unusable("the file of every snapshot is damaged")
        while True:
            found = choose_snapshot(snapshots, request, cost, self.thresholds.max_share)
            if isinstance(found, Unusable):
                return first_lost or found
            lost = self._lost_events(found)
            if lost is None:
                return found
            first_lost = first_lost or lost
            snapshots.remove(found)

    def _lost_events(self, snapshot: Snapshot) -> Unusable | None:
        if snapshot in self._contained:
            return None
        lost = lost_events(self.log, snapshot)
        if lost is None:
            self._contained.add(snapshot)  # asking the log again would read a file of it for every question
        return lost


class _Start(NamedTuple):
    """A snapshot, and the states that a question found with it."""

    snapshot: Snapshot
    states: pl.DataFrame
