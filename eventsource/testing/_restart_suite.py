"""The conformance suite of systems with a server: it goes away, and comes back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from eventsource.errors import StoreError
from eventsource.log import Log
from eventsource.testing._source_suite import Interrupted, System, check_copy, some_facts, source_of

__all__ = ["RestartSuite", "RestartingSystem"]


class RestartingSystem(System, Protocol):
    """A system whose server can be stopped and started again."""

    def stop(self) -> None:
        """Stop the server at once."""

    def start(self) -> None:
        """Start it, and wait until it answers."""


class RestartSuite:
    """What every source of a server must do when the server goes away and comes back."""

    def test_a_server_that_goes_away_and_comes_back(self, system: RestartingSystem, tmp_path: Path) -> None:
        """A pull without the server fails with an error that a retry may cure; afterwards nothing is missing."""
        log, events = Log(tmp_path / "log"), some_facts(20)
        system.append(events[:10])
        found = source_of(system)
        log.pull(Interrupted(source_of(system, 1), 5))
        system.stop()
        for each in (found, source_of(system)):
            error = _error_of(lambda each=each: log.pull(each))  # type: ignore[misc]  # the source of this round
            assert isinstance(error, StoreError)
            assert error.hint
        system.start()
        log.pull(found)
        system.append(events[10:])
        assert log.pull(found).duplicates == 0
        check_copy(log, system, events)


def _error_of(call: Callable[[], Any]) -> Exception | None:
    """Return the error that a call raises; pytest is not imported by this package."""
    try:
        call()
    except Exception as error:  # noqa: BLE001 - the caller looks at it
        return error
    return None
