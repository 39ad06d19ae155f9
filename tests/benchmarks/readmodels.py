"""Time the refresh of a read model after 1 % of the entities changed, and its rebuild."""

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
"""One of so many entities gets a new event."""
ROUNDS = 5


def measure(folder: Path, url: str) -> dict[str, float]:
    """Return the seconds of a read model's ``rebuild`` and ``refresh``, over a copy of a log.

    Each is the best of five after one throwaway. Rebuilds and refreshes alternate, since both end with a write to
    disk, whose speed changes from second to second. The index is up to date before either is timed: indexing is a
    figure of its own.

    Args:
        folder: the folder with ``log``.
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
    """Append a purchase to each of 1 % of the entities, of other ones for each number."""
    entities = customers.entities().gather_every(SHARE, offset=number)
    begin = datetime(2030, 1, 1 + number, tzinfo=UTC)
    log.append(
        [
            {
                "event_id": f"changed-{number}-{index}",
                "stream": entity,
                "type": "PurchaseMade",
                "occurred_at": begin + timedelta(seconds=index),
                "data": {"amount": 9.99},
            }
            for index, entity in enumerate(entities)
        ]
    )


def _timed(work: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


@contextmanager
def _copied(log: Path) -> Iterator[es.Log]:
    """Give a copy of a log to append to."""
    with tempfile.TemporaryDirectory(dir=log.parent) as folder:
        shutil.copytree(log, Path(folder) / "log")
        yield es.Log(Path(folder) / "log")
