"""The conformance suite of sources: a log must be a true copy of the system, however a pull is interrupted.

A *system* is where events live: a folder, a database, a broker. It says how events are written into it, and how
`eventsource.source` reads them. The suites are classes with tests; a source passes those that its system can do:

```python
class TestMyStore(SourceSuite, TransactionSuite):
    @pytest.fixture
    def system(self) -> MyStore: ...
```
"""

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import polars as pl

from eventsource.event import Batch, Checkpoint, LagSource, Source, SourceLag
from eventsource.log import Log
from eventsource.sources import source

__all__ = [
    "PAYLOADS",
    "Facts",
    "Interrupted",
    "SourceSuite",
    "System",
    "check_copy",
    "facts",
    "some_facts",
    "source_of",
]

_BEGIN: Final = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Facts:
    """One event to write, and to find in the log.

    Args:
        event_id: a UUID as text, as some systems take no other ids.
        stream: its stream.
        version: its number in the stream, from 1.
        type: its type.
        occurred_at: when it was true. A system that cannot store it is compared without it.
        data: its payload.
    """

    event_id: str
    stream: str
    version: int
    type: str
    occurred_at: datetime
    data: Mapping[str, Any]


class System(Protocol):
    """Where events live.

    Attributes:
        where: the first argument of `eventsource.source`.
        options: its other arguments.
        batch: the option that says how many events are read at once; None: there is none.
        order: whether the log has the events in the order of writing (``all``), or only those of each stream.
        compared: what of `Facts` arrives unchanged; ids that the system makes itself do not.
    """

    where: str
    options: Mapping[str, Any]
    batch: str | None
    order: Literal["all", "stream"]
    compared: Sequence[str]

    def append(self, events: Sequence[Facts]) -> None:
        """Write events, in order; return when readers can see them."""


class SourceSuite:
    """What every source must do. Each test gets an empty system and an empty folder."""

    def test_everything_arrives_once_and_in_order(self, system: System, tmp_path: Path) -> None:
        """A pull takes all events, the next pull none, and a third one what was written in between."""
        log, events = Log(tmp_path / "log"), some_facts(50)
        system.append(events[:30])
        log.pull(source_of(system))
        assert log.pull(source_of(system)).appended == 0
        system.append(events[30:])
        pulled = log.pull(source_of(system))
        check_copy(log, system, events)
        assert (pulled.appended, pulled.duplicates, pulled.rejected) == (20, 0, 0)

    def test_the_size_of_batches_changes_nothing(self, system: System, tmp_path: Path) -> None:
        """Any number of events may be read at once."""
        events = some_facts(40)
        system.append(events)
        for size in (1, 7, 1000) if system.batch else (None,):
            log = Log(tmp_path / f"log{size}")
            log.pull(source_of(system, size))
            check_copy(log, system, events)

    def test_a_pull_resumes_after_every_event(self, system: System, tmp_path: Path) -> None:
        """A pull that ends after any batch resumes there: nothing is lost, nothing repeated."""
        log, events = Log(tmp_path / "log"), some_facts(25)
        system.append(events)
        appended = 0
        for _ in range(len(events) + 2):
            pulled = log.pull(Interrupted(source_of(system, 1), 1))
            assert pulled.duplicates == 0
            appended += pulled.appended
        assert appended == len(events)
        check_copy(log, system, events)

    def test_payloads_arrive_unchanged(self, system: System, tmp_path: Path) -> None:
        """Unicode, null, numbers beyond 2**53, nested values, and 10 MB."""
        log = Log(tmp_path / "log")
        events = [some_facts(1, start=number, data=data)[0] for number, data in enumerate(PAYLOADS)]
        system.append(events)
        pulled = log.pull(source_of(system))
        assert pulled.rejected == 0
        check_copy(log, system, events)

    def test_a_pull_that_is_killed_loses_and_repeats_nothing(self, system: System, tmp_path: Path) -> None:
        """Processes are killed (as by ``kill -9``) at random moments, while events are written."""
        log, events = Log(tmp_path / "log"), some_facts(KILLED_EVENTS)
        parts = [events[start::3] for start in range(3)]  # one stream each
        for part in parts:
            system.append(part[: len(part) // 2])
            _kill_a_pull(system, tmp_path / "log")
        for part in parts:
            system.append(part[len(part) // 2 :])
        pulled = log.pull(source_of(system))
        assert pulled.duplicates == 0
        assert log.pull(source_of(system)).appended == 0
        check_copy(log, system, events, order="stream")

    def test_times_are_instants(self, system: System, tmp_path: Path) -> None:
        """The offset in which a time is written changes nothing."""
        if "occurred_at" not in system.compared:
            return
        log = Log(tmp_path / "log")
        zone = timezone(timedelta(hours=5, minutes=30))
        events = some_facts(5)
        shifted = [_at(event, event.occurred_at.astimezone(zone)) for event in events]
        system.append(shifted)
        log.pull(source_of(system))
        check_copy(log, system, events)

    def test_the_lag_is_what_the_next_pull_takes(self, system: System, tmp_path: Path) -> None:
        """Events and seconds: both are 0 after a pull, and both are known when events have come."""
        log, events = Log(tmp_path / "log"), some_facts(12)
        system.append(events[:5])
        log.pull(source_of(system))
        found = source_of(system)
        if not isinstance(found, LagSource):
            return
        assert log.lag(found) == SourceLag(0, 0.0)
        system.append(events[5:])
        lag = log.lag(found)
        assert (lag.events, lag.held) == (7, ())
        assert lag.seconds is not None
        assert lag.seconds >= 0
        assert log.pull(source_of(system)).appended == lag.events


KILLED_EVENTS: Final = 300
"""Events of the test that kills pulls."""

_PULL: Final = """
import json, sys
import eventsource as es
where, options, log = json.loads(sys.argv[1])
source = es.source(where, **options)
print("ready", flush=True)
es.Log(log).pull(source)
"""


def _kill_a_pull(system: System, log: Path) -> None:
    """Begin a pull, one event at a time, in a process of its own, and kill it at a random moment."""
    own = {system.batch: 1} if system.batch else {}
    arguments = json.dumps([system.where, {**system.options, **own}, str(log)])
    with subprocess.Popen([sys.executable, "-c", _PULL, arguments], stdout=subprocess.PIPE) as process:  # noqa: S603 - this Python
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(random.uniform(0, 0.3))  # noqa: S311 - a moment
        process.kill()


PAYLOADS: Final[Sequence[Mapping[str, Any]]] = (
    {},
    {"text": 'Ærøskøbing \u2028 😀 "quoted" \\ \n', "ключ": "значение"},
    {"nothing": None, "nested": {"list": [None, 1, {"deep": [[]]}]}, "empty": ""},
    {"big": 2**53 + 1, "bigger": 2**63 - 1, "negative": -(2**63)},
    {"exact": 0.1, "small": 1e-300, "zero": 0},
    {"long": "x" * 10_000_000},
)


def some_facts(count: int, *, start: int = 0, data: Mapping[str, Any] | None = None) -> list[Facts]:
    """Return events of three streams, in turn."""
    return [
        Facts(
            event_id=f"00000000-0000-4000-8000-{number:012}",
            stream=f"order-{number % 3}",
            version=number // 3 + 1,
            type=("Placed", "Paid", "Shipped")[number // 3 % 3],
            occurred_at=_BEGIN + timedelta(seconds=number, microseconds=number),
            data={"number": number} if data is None else data,
        )
        for number in range(start, start + count)
    ]


def check_copy(
    log: Log, system: System, events: Sequence[Facts], *, order: Literal["all", "stream"] | None = None
) -> None:
    """Check that a log holds exactly these events, in the order that the system promises, or in ``order``."""
    found = facts(log)
    names = list(system.compared)
    assert sorted(_shown(found, names)) == sorted(_shown(events, names))
    if (order or system.order) == "all":
        assert _shown(found, names) == _shown(events, names)
    for stream in {event.stream for event in events}:
        assert _shown(_of(found, stream), names) == _shown(_of(events, stream), names)


def facts(log: Log) -> list[Facts]:
    """Return the events of a log, in order of position."""
    columns = ["event_id", "stream", "version", "type", "occurred_at", "data"]
    rows = log.scan().sort("position").select(columns).collect()
    return [
        Facts(**{**row, "version": row["version"] or 0, "data": json.loads(row["data"])})
        for row in rows.iter_rows(named=True)
    ]


class Interrupted:
    """A source that ends after some batches with events."""

    def __init__(self, inner: Source, batches: int) -> None:
        self._inner, self._batches, self.name, self.size = inner, batches, inner.name, None
        if hasattr(inner, "files"):
            self.files = inner.files

    def batches(self, checkpoint: Checkpoint) -> Iterator[Batch]:
        """Yield the first batches."""
        left = self._batches
        for batch in self._inner.batches(checkpoint):
            yield batch
            left -= bool(batch.events.height)
            if not left:
                return

    def decode(self, rejected: pl.DataFrame) -> Batch:
        """Decode what the source decodes."""
        return self._inner.decode(rejected)


def source_of(system: System, size: int | None = None) -> Source:
    """Return the source of a system; ``size``: how many events are read at once, where that can be said."""
    own = {system.batch: size} if system.batch and size else {}
    return source(system.where, **{**system.options, **own})


def _at(event: Facts, at: datetime) -> Facts:
    return Facts(**{**vars(event), "occurred_at": at})


def _of(events: Sequence[Facts], stream: str) -> list[Facts]:
    return [event for event in events if event.stream == stream]


def _shown(events: Sequence[Facts], names: Sequence[str]) -> list[str]:
    return [json.dumps([getattr(event, name) for name in names], default=_instant) for event in events]


def _instant(value: Any) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else repr(value)
