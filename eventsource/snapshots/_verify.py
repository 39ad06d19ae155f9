"""Comparing the answers of each snapshot with those of a fold of all events."""

from datetime import datetime
from typing import Final

import polars as pl
from msgspec import Struct

from eventsource.event import TIMESTAMP
from eventsource.fold import Engine, concat_answers
from eventsource.index import View
from eventsource.snapshots._answer import lost_events, states_from_snapshot
from eventsource.snapshots._choose import Request, Unusable, unusable
from eventsource.snapshots._store import Snapshot, SnapshotStore

__all__ = ["verify_snapshots"]

_VERIFIED: Final = pl.Schema(
    {"moment": TIMESTAMP, "position": pl.Int64(), "same": pl.Boolean(), "reason": pl.String()}
)


def verify_snapshots(view: View, engine: Engine, max_share: float) -> pl.DataFrame:
    """Compare the answers of each snapshot, at its moment and now, with those of a fold of all events.

    Args:
        view: all events.
        engine: what folds all events.
        max_share: see `states_from_snapshot`.

    Returns:
        ``moment``, ``position``, ``same``, ``reason``: a row per snapshot. A snapshot that a question would not
        use does not change its answer: it is the same, and ``reason`` says why it is not used. One that can never
        be used again, since its file is damaged or the log lost its events, is not the same.
    """
    store = SnapshotStore(view.log, view.plan, warns=False)  # the answer says which files are damaged
    verifier, snapshots = _Verifier(view, store, engine, max_share), store.all()
    now = verifier.folded(None) if snapshots else pl.DataFrame()
    rows = [(each.moment, each.position, *verifier.verdict(each, now)) for each in snapshots]
    return pl.DataFrame(rows, schema=_VERIFIED, orient="row")


class _Verifier(Struct, frozen=True):
    view: View
    store: SnapshotStore
    engine: Engine
    max_share: float

    def folded(self, moment: datetime | None) -> pl.DataFrame:
        return concat_answers(self.view.map(lambda events: self.engine.as_of(events, moment), until=moment))

    def verdict(self, snapshot: Snapshot, now: pl.DataFrame) -> tuple[bool, str | None]:
        """Return whether the answers are the same, and why not, or why the snapshot is not used."""
        if (lost := lost_events(self.view.log, snapshot)) is not None:
            return False, lost.reason
        if self.store.states(snapshot) is None:
            return False, "its file cannot be read"
        reason = None
        for moment, expected in ((snapshot.moment, self.folded(snapshot.moment)), (None, now)):
            found = self._answer(snapshot, moment)
            if isinstance(found, Unusable):
                reason = reason or found.reason
            elif not found.equals(expected):
                return False, "the states of now differ" if moment is None else "the states at its moment differ"
        return True, reason

    def _answer(self, snapshot: Snapshot, moment: datetime | None) -> pl.DataFrame | Unusable:
        obstacle = unusable(snapshot, Request.of(self.view, moment))
        if obstacle is not None:
            return obstacle
        return states_from_snapshot(self.view, self.store, snapshot, moment, max_share=self.max_share)
