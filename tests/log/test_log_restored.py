"""A log that was put back from a backup, and then went another way: nothing of its lost future is believed."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake import DeltaTable

from eventsource.errors import LogError
from eventsource.log import Log
from tests.log.logkit import event, events, ids


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """A log of two commits, of which a backup has the first."""
    log = Log(tmp_path / "log")
    log.append(events(range(5)))
    shutil.copytree(tmp_path / "log" / "events", tmp_path / "backup")
    log.append(events(range(5, 10)))
    return log


def put_back(log: Log) -> None:
    shutil.rmtree(Path(log.path) / "events")
    shutil.copytree(Path(log.path).parent / "backup", Path(log.path) / "events")


def seen(log: Log) -> str:
    """Return the mark of the newest version."""
    assert log.head
    return log.mark


def test_a_log_knows_its_own_marks(log: Log) -> None:
    """Every log that goes on from it does: in other processes, after appends, compactions and rewritings."""
    first = seen(log)
    assert first.startswith(log.identity)
    assert log.knows(first)
    log.append(events(range(10, 12)))
    assert seen(log) != first
    DeltaTable(Path(log.path) / "events").optimize.compact()
    again = Log(log.path)
    assert (again.knows(first), again.knows(seen(log)), again.knows(seen(again))) == (True, True, True)


def test_a_log_that_was_put_back_knows_no_mark_of_what_it_lost(log: Log) -> None:
    """Neither while it is shorter nor with as many commits, of events with the same ids."""
    kept, lost = Log(log.path), seen(log)
    put_back(log)
    shorter = Log(log.path)
    first = seen(shorter)
    assert shorter.knows(lost) is False
    shorter.append([event(number, data={"n": "mended"}) for number in range(5, 10)])
    again = Log(log.path)
    assert (again.head, ids(again)) == (10, ids(shorter))
    assert again.knows(lost) is False
    assert again.knows(first) is True
    assert Log(Path(log.path).parent / "other").knows(lost) is False
    with pytest.raises(LogError, match="restored from a backup"):
        assert kept.head


def test_a_mark_whose_commit_was_cleaned_up_is_neither_known_nor_unknown(log: Log) -> None:
    """Delta removes old commits once a checkpoint holds what they did."""
    mark = seen(log)
    for number in range(10, 13):
        log.append(events([number]))
    table, commits = DeltaTable(Path(log.path) / "events"), Path(log.path) / "events" / "_delta_log"
    table.create_checkpoint()
    for commit in commits.glob("*.json"):
        old = time.time() - 100 * 24 * 3600
        os.utime(commit, (old, old))
    table.cleanup_metadata()
    again = Log(log.path)
    assert not (commits / f"{int(mark.split(' ')[1]):020}.json").exists()
    assert again.knows(mark) is None
    assert again.knows(seen(again)) is True


@pytest.mark.parametrize("does", [lambda log: log.head, lambda log: log.append(events([90])), Log.scan])
def test_a_log_that_is_put_back_while_it_is_open_says_so(log: Log, does: Callable[[Log], object]) -> None:
    """What this process knows of it is no longer so: it must neither answer from that nor append behind it."""
    assert log.head == 10
    put_back(log)
    Log(log.path).append(events(range(20, 23)))
    with pytest.raises(LogError, match="restored from a backup") as refused:
        does(log)
    assert "open it again" in str(refused.value)
    assert Log(log.path).head == 8
    assert ids(Log(log.path))[5:] == ["e20", "e21", "e22"]
