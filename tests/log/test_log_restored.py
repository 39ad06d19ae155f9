"""A log that was restored from a backup and then got other events: marks of the lost commits are unknown."""

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


def restore(log: Log) -> None:
    shutil.rmtree(Path(log.path) / "events")
    shutil.copytree(Path(log.path).parent / "backup", Path(log.path) / "events")


def newest_mark(log: Log) -> str:
    """Return the mark of the newest version."""
    assert log.head
    return log.mark


def test_a_log_knows_its_own_marks(log: Log) -> None:
    """So does the log in other processes, after appends, and after another tool has compacted it."""
    first = newest_mark(log)
    assert first.startswith(log.identity)
    assert log.knows(first)
    log.append(events(range(10, 12)))
    assert newest_mark(log) != first
    DeltaTable(Path(log.path) / "events").optimize.compact()
    again = Log(log.path)
    assert (again.knows(first), again.knows(newest_mark(log)), again.knows(newest_mark(again))) == (
        True,
        True,
        True,
    )


def test_a_restored_log_does_not_know_the_marks_of_lost_commits(log: Log) -> None:
    """Neither while it is shorter, nor when it has as many commits of events with the same ids."""
    kept, lost = Log(log.path), newest_mark(log)
    restore(log)
    shorter = Log(log.path)
    first = newest_mark(shorter)
    assert shorter.knows(lost) is False
    shorter.append([event(number, data={"n": "corrected"}) for number in range(5, 10)])
    again = Log(log.path)
    assert (again.head, ids(again)) == (10, ids(shorter))
    assert again.knows(lost) is False
    assert again.knows(first) is True
    assert Log(Path(log.path).parent / "other").knows(lost) is False
    with pytest.raises(LogError, match="restored from a backup"):
        assert kept.head


def test_a_mark_whose_commit_was_cleaned_up_cannot_be_decided(log: Log) -> None:
    """Delta removes old commit files after it has written a checkpoint of its own."""
    mark = newest_mark(log)
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
    assert again.knows(newest_mark(again)) is True


@pytest.mark.parametrize("does", [lambda log: log.head, lambda log: log.append(events([90])), Log.scan])
def test_a_log_that_is_restored_while_it_is_open_raises(log: Log, does: Callable[[Log], object]) -> None:
    """The open log object must neither answer from the lost events nor append after them."""
    assert log.head == 10
    restore(log)
    Log(log.path).append(events(range(20, 23)))
    with pytest.raises(LogError, match="restored from a backup") as refused:
        does(log)
    assert "open it again" in str(refused.value)
    assert Log(log.path).head == 8
    assert ids(Log(log.path))[5:] == ["e20", "e21", "e22"]


@pytest.mark.parametrize("is_log_first", [True, False])
def test_a_copy_while_a_writer_appends_begins_with_the_commits(tmp_path: Path, *, is_log_first: bool) -> None:
    """Copied first, the commits name only files that are there; copied last, one that the copy lacks."""
    log, copy = Log(tmp_path / "log"), tmp_path / "copy" / "events"
    log.append(events(range(5)))
    ignores = [shutil.ignore_patterns("*.parquet"), shutil.ignore_patterns("_delta_log")]
    for ignore in ignores if is_log_first else reversed(ignores):
        shutil.copytree(tmp_path / "log" / "events", copy, ignore=ignore, dirs_exist_ok=True)
        log.append(events(range(5, 10)))
    copied = Log(tmp_path / "copy")
    if is_log_first:
        assert ids(copied) == [f"e{number}" for number in range(5)]
    else:
        with pytest.raises(LogError, match="lacks a file"):
            copied.scan().collect()
