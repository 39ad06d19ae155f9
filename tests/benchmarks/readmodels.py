"""Read models: a refresh after 1 % of the entities changed, beside a rebuild of all."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import eventsource as es
from tests.benchmarks.contenders import Customer

SHARE = 100
"""One in so many entities gets a new event."""
ROUNDS = 5


def measure(folder: Path, url: str) -> dict[str, float]:
    """Return the seconds of a read model's ``rebuild`` and ``refresh``, over a copy of a log.

    The best of five after one throwaway, turn by turn: both end with a disk, whose speed changes from second to
    second. The index takes in the tail before a refresh is timed, and all events before a rebuild: both are
    figures of their own.

    Args:
        folder: holds ``log``.
        url: an empty database.
    """
    with _copied(folder / "log") as log:
        customers = es.Timeline(log, Customer)
        customers.as_of()
        model = es.ReadModel(customers, url, table="customers")
        model.refresh()
        rebuilds, refreshes = [], []
        for number in range(1 + ROUNDS):
            rebuilds.append(_timed(model.rebuild))
            before = log.head
            _change(log, customers, number)
            customers.touched(before, log.head)
            refreshes.append(_timed(model.refresh))
        if not model.verify().is_empty():
            raise SystemExit(f"the read model in {model.url} differs from as_of()")
    return {"rebuild": min(rebuilds[1:]), "refresh": min(refreshes[1:])}


def _change(log: es.Log, customers: es.Timeline, number: int) -> None:
    """Append one purchase of each of 1 % of the entities, of others each time."""
    entities = customers.entities().gather_every(SHARE, offset=number)
    begin = datetime(2030, 1, 1 + number, tzinfo=UTC)
    log.append(
        [
            {
                "event_id": f"changed-{number}-{place}",
                "stream": entity,
                "type": "PurchaseMade",
                "occurred_at": begin + timedelta(seconds=place),
                "data": {"amount": 9.99},
            }
            for place, entity in enumerate(entities)
        ]
    )


def _timed(work: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


@contextmanager
def _copied(log: Path) -> Iterator[es.Log]:
    """Give a copy of a log, which may grow."""
    with tempfile.TemporaryDirectory(dir=log.parent) as folder:
        shutil.copytree(log, Path(folder) / "log")
        yield es.Log(Path(folder) / "log")
