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


def measure(folder: Path, url: str, *, history: bool = False) -> list[dict[str, Any]]:
    """Return the times of a read model over a copy of a log.

    The index takes in the tail before the refresh is timed, and all events before the rebuild: both are figures
    of their own.

    Args:
        folder: holds ``log``.
        url: an empty database.
        history: whether the table of intervals is kept, too.

    Returns:
        ``workload``, ``seconds``, ``rows`` per workload: a rebuild, a refresh, and a refresh with nothing to do.
    """
    kind = url.partition(":")[0].partition("+")[0] + (" with history" if history else "")
    with _copied(folder / "log") as log:
        customers = es.Timeline(log, Customer)
        customers.as_of()
        model = es.ReadModel(customers, url, table="customers", history=history)
        model.refresh()
        rebuild = _timed(model.rebuild)
        _change(log, customers)
        customers.touched(rebuild[1].position, log.head)
        refresh, idle = _timed(model.refresh), _timed(model.refresh)
        if not model.verify().is_empty():
            raise SystemExit(f"the read model in {kind} differs from as_of()")
    found = {"rebuild": rebuild, "refresh, 1 % changed": refresh, "refresh, nothing to do": idle}
    return [
        {"workload": f"read model, {kind}: {name}", "seconds": seconds, "rows": done.written}
        for name, (seconds, done) in found.items()
    ]


def _change(log: es.Log, customers: es.Timeline) -> None:
    """Append one purchase of each of 1 % of the entities."""
    entities = customers.entities().gather_every(SHARE)
    begin = datetime(2030, 1, 1, tzinfo=UTC)
    log.append(
        [
            {
                "event_id": f"changed-{number}",
                "stream": entity,
                "type": "PurchaseMade",
                "occurred_at": begin + timedelta(seconds=number),
                "data": {"amount": 9.99},
            }
            for number, entity in enumerate(entities)
        ]
    )


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    done = work()
    return time.perf_counter() - begin, done


@contextmanager
def _copied(log: Path) -> Iterator[es.Log]:
    """Give a copy of a log, which may grow."""
    with tempfile.TemporaryDirectory(dir=log.parent) as folder:
        shutil.copytree(log, Path(folder) / "log")
        yield es.Log(Path(folder) / "log")
