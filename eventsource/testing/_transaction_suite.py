"""The conformance suite of systems with transactions: what commits out of order arrives nevertheless, once."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from eventsource.event import LagSource
from eventsource.log import Log
from eventsource.sources import source
from eventsource.testing._source_suite import Facts, System, check_copy, some_facts

__all__ = ["Held", "HoldingSystem", "TransactionSuite"]


class Held(Protocol):
    """A transaction that a test holds open."""

    def begin(self) -> None:
        """Give the transaction its number, before it writes an event."""

    def draw(self) -> None:
        """Draw the position of the next event, before the transaction has a number."""

    def append(self, events: Sequence[Facts]) -> None:
        """Write events."""

    def commit(self) -> None:
        """Commit, and end the transaction."""

    def rollback(self) -> None:
        """Take the events back, and end the transaction."""


class HoldingSystem(System, Protocol):
    """A system with transactions."""

    def hold(self) -> Held:
        """Begin a transaction."""


_Step = tuple[str, str]

INTERLEAVINGS: Final[dict[str, Sequence[_Step]]] = {
    "the first one commits last": [("a", "+"), ("b", "+"), ("b", "commit"), ("", "pull"), ("a", "commit")],
    "batches take turns": [
        ("b", "+"), ("a", "+"), ("b", "+"), ("b", "commit"), ("", "pull"), ("a", "commit"),
    ],
    "a lower transaction writes later": [
        ("a", "begin"), ("b", "+"), ("b", "commit"), ("", "pull"), ("a", "+"), ("", "pull"), ("a", "commit"),
    ],
    "a position is drawn before the transaction has a number": [
        ("a", "draw"), ("b", "+"), ("b", "commit"), ("", "pull"), ("c", "+"), ("c", "commit"), ("", "pull"),
        ("a", "+"), ("", "pull"), ("a", "commit"),
    ],
    "several slow ones": [
        ("a", "+"), ("b", "+"), ("c", "+"), ("a", "+"), ("c", "commit"), ("", "pull"), ("d", "+"), ("d", "commit"),
        ("", "pull"), ("a", "commit"), ("", "pull"), ("b", "commit"),
    ],
    "several events of a slow one": [
        ("a", "+"), ("b", "+"), ("a", "+"), ("a", "+"), ("b", "commit"), ("", "pull"), ("", "pull"),
        ("a", "commit"),
    ],
    "earlier ones are rolled back": [
        ("a", "+"), ("b", "+"), ("c", "+"), ("c", "commit"), ("", "pull"), ("a", "rollback"), ("", "pull"),
        ("b", "commit"),
    ],
    "another one begins before the hole is seen": [
        ("a", "+"), ("d", "begin"), ("b", "+"), ("b", "commit"), ("", "pull"), ("a", "rollback"), ("", "pull"),
        ("d", "+"), ("d", "commit"), ("", "pull"), ("e", "+"), ("e", "commit"),
    ],
    "an old one writes nothing": [
        ("a", "begin"), ("b", "+"), ("b", "commit"), ("", "pull"), ("", "pull"), ("a", "rollback"),
    ],
}  # fmt: skip
"""Name → steps: of a transaction (``+``: it writes an event), or a pull."""


class TransactionSuite:
    """What every source of a system with transactions must do, whichever transaction commits first."""

    def test_what_is_held_back_is_reported(self, system: HoldingSystem, tmp_path: Path) -> None:
        """While a transaction is open, the lag says what waits for it; afterwards it says nothing."""
        log = Log(tmp_path / "log")
        slow = system.hold()
        slow.append([_fact("a", 1)])
        system.append([_fact("b", 1)])
        _pull(log, system)
        found = source(system.where, **system.options)
        assert isinstance(found, LagSource)
        assert found.lag(log.checkpoint(found)).held
        slow.rollback()
        _pull(log, system)
        lag = found.lag(log.checkpoint(found))
        assert (lag.events, lag.held) == (0, ())
        check_copy(log, system, [_fact("b", 1)])


def _test_of(steps: Sequence[_Step]) -> Callable[[TransactionSuite, HoldingSystem, Path], None]:
    def test(_: TransactionSuite, system: HoldingSystem, tmp_path: Path) -> None:
        """Take the steps of an interleaving, with a pull at each of its places: all events arrive, once."""
        log = Log(tmp_path / "log")
        system.append([_fact("z", 1)])
        done = _run(system, steps, lambda: _pull(log, system))
        _pull(log, system)
        _pull(log, system)
        check_copy(log, system, [_fact("z", 1), *done])

    return test


for _name, _steps in INTERLEAVINGS.items():  # a test each, without pytest, which this package does not need
    setattr(TransactionSuite, f"test_nothing_is_skipped_if_{_name.replace(' ', '_')}", _test_of(_steps))


def _run(system: HoldingSystem, steps: Sequence[_Step], pull: Callable[[], Any]) -> list[Facts]:
    """Take the steps; return the events that were committed."""
    open_: dict[str, Held] = {}
    written: dict[str, list[Facts]] = {}
    committed: list[Facts] = []
    for name, step in steps:
        if step == "pull":
            pull()
            continue
        held = open_.get(name) or open_.setdefault(name, system.hold())
        events = written.setdefault(name, [])
        if step == "+":
            events.append(_fact(name, len(events) + 1))
            held.append(events[-1:])
        else:
            getattr(held, step)()
            committed += events if step == "commit" else []
    return committed


def _pull(log: Log, system: System) -> None:
    pulled = log.pull(source(system.where, **system.options))
    assert (pulled.duplicates, pulled.rejected) == (0, 0)


def _fact(stream: str, version: int) -> Facts:
    number = (ord(stream) - ord("a")) * 100 + version
    (fact,) = some_facts(1, start=number)
    return Facts(fact.event_id, f"stream-{stream}", version, fact.type, fact.occurred_at, fact.data)
