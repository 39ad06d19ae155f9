"""The timeline that tests of snapshots ask: its index once in memory, once in files."""

from pathlib import Path

import pytest

from eventsource import Log
from eventsource.timeline import Timeline
from tests.conformance.stored import BUSY, stored_timeline
from tests.snapshots.snapshotkit import EVENTS, SMALL


@pytest.fixture(params=[None, SMALL], ids=["in memory", "in files"])
def timeline(request: pytest.FixtureRequest, tmp_path: Path) -> Timeline:
    """A timeline over a log of busy events."""
    log = Log(tmp_path / "log")
    log.append(EVENTS)
    return stored_timeline(log, BUSY, request.param)
