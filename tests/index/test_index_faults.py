"""Real faults: a process killed anywhere, several that build at once, files deleted, damaged or not writable."""

import errno
import fcntl
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from msgspec.structs import replace

from eventsource import Log, Timeline
from eventsource.errors import DerivedFileWarning, IndexFileError, LogError
from eventsource.index import Index, Sizes
from eventsource.index._files import FORMAT_VERSION
from tests.conformance.stored import (
    BUSY,
    assert_answers,
    busy_events,
    index_of,
    reference,
    snapshots_of,
    stored_timeline,
)
from tests.index.indexkit import SMALL, assert_answers_all, log_with, output_of, run, unnamed_files
from tests.logs import log_of

pytestmark = pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning")

EVENTS = busy_events(1, 1500)

ASK = """
import sys
from tests.index.indexkit import SMALL
from tests.conformance.stored import BUSY, stored_timeline
from eventsource import Log
print("ready", flush=True)
for _ in range(int(sys.argv[2])):
    timeline = stored_timeline(Log(sys.argv[1]), BUSY, SMALL)
    states = timeline.as_of()
    assert timeline.history().height >= states.height
print(states.hash_rows(seed=1).sum(), states.height)
"""

GROW = """
import sys
from tests.index.indexkit import SMALL
from tests.conformance.stored import BUSY, busy_events, stored_timeline
from eventsource import Log
timeline = stored_timeline(Log(sys.argv[1]), BUSY, SMALL)
print("ready", flush=True)
events = busy_events(1, 1500)
timeline.as_of()
while (head := timeline.log.head) < len(events):
    log_of(timeline).append(events[head : head + 25])
    timeline.as_of()
    timeline.snapshot()
    timeline.prune(keep=3)
"""

LIMITED = """
import resource, sys
from tests.index.indexkit import SMALL
from tests.conformance.stored import BUSY, stored_timeline
from eventsource import Log
from eventsource.errors import IndexFileError
timeline = stored_timeline(Log(sys.argv[1]), BUSY, SMALL)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    timeline.as_of()
except IndexFileError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
print(timeline.as_of().height)
"""

READ_ONLY = """
import os, sys
import filelock  # its modules may be where the other user cannot read
from tests.index.indexkit import SMALL
from tests.conformance.stored import BUSY, index_of, stored_timeline
from eventsource import Log
if os.geteuid() == 0:
    os.setuid(65534)  # permissions do not bind root
timeline = stored_timeline(Log(sys.argv[1]), BUSY, SMALL)
print(timeline.as_of().height, timeline.snapshot().entities, timeline.verify()["same"].all())
print(index_of(timeline).folder)
"""


@pytest.mark.slow
def test_a_killed_process_leaves_no_damage(tmp_path: Path) -> None:
    """Killed while it builds, merges or takes snapshots: the next answers are right, leftovers are removed."""
    path, chance, killed = tmp_path / "log", random.Random(7), 0
    log_with(path, EVENTS[:300])
    log_with(tmp_path / "whole", EVENTS[:300])
    unharmed = run(GROW, tmp_path / "whole")
    assert unharmed.stdout is not None
    unharmed.stdout.readline()
    started = time.monotonic()
    unharmed.communicate(timeout=60)
    duration = time.monotonic() - started  # so that the others die at work, on any machine
    for number in range(6):
        if number % 3 == 2:
            shutil.rmtree(path / "index", ignore_errors=True)
        program = run(GROW, path)
        assert program.stdout is not None
        program.stdout.readline()
        time.sleep(chance.uniform(0, 0.7 * duration))
        program.send_signal(signal.SIGKILL)
        program.communicate(timeout=60)
        killed += program.returncode == -signal.SIGKILL
    assert killed >= 3
    seen = EVENTS[: Log(path).head]
    found = stored_timeline(Log(path), BUSY, SMALL)
    assert_answers(found, reference(seen, BUSY))
    assert found.verify()["same"].all()
    events = [*seen, *busy_events(2, 30, start=5000)]
    log_of(found).append(events[len(seen) :])
    assert_answers(found, reference(events, BUSY))
    before = unnamed_files(index_of(found))  # files of the previous manifest, for questions that still read them
    log_of(found).append(busy_events(3, 1, start=9000))
    found.as_of()
    assert not before & unnamed_files(index_of(found))
    assert len(unnamed_files(index_of(found))) <= len(index_of(found).files.manifest().file_names)
    assert found.snapshots().height <= 4  # those kept, and one that a killed process took before it pruned
    found.snapshot()
    found.prune(keep=1)
    assert len(list(snapshots_of(found).folder.glob("*.snapshot"))) == 1


@pytest.mark.slow
def test_several_processes_build_one_index(tmp_path: Path) -> None:
    """Three processes ask a log without an index: all get the same answer, and one index stays."""
    path = tmp_path / "log"
    log = log_with(path, EVENTS)
    answers = {output_of(program).splitlines()[-1] for program in [run(ASK, path, 3) for _ in range(3)]}
    assert len(answers) == 1
    index = index_of(stored_timeline(log, BUSY, SMALL))
    assert len(list((path / "index").iterdir())) == 1
    assert not unnamed_files(index)
    assert_answers_all(path, EVENTS)


def test_an_older_question_does_not_fill_the_cache_of_a_newer_one(tmp_path: Path) -> None:
    """It reads parts while the index is updated: the merge that it caches is not used by later questions."""
    log = log_with(tmp_path / "log", EVENTS[:1000])
    index = Index(log, BUSY, sizes=replace(SMALL, rewrite_share=10.0))  # events stay pending permanently
    assert _count(index) > 0
    log.append(EVENTS[1000:1050])
    for attempt in index.views():
        with attempt as view:
            log.append(EVENTS[1050:1100])
            later = _count(index)
            early = sum(view.map(lambda events: len(events.clustered)))
    assert later > early
    assert _count(index) == later == _count(index_of(reference(EVENTS[:1100], BUSY)))


def _count(index: Index) -> int:
    """Return the number of relevant events."""
    for attempt in index.views():
        with attempt as view:
            counts = view.map(lambda events: len(events.clustered))
    return sum(counts)


@pytest.mark.slow
def test_deleting_the_index_repeatedly_changes_no_answer(tmp_path: Path) -> None:
    """One process asks while another deletes ``index/`` again and again: every answer is right."""
    path = tmp_path / "log"
    log_with(path, EVENTS)
    asking, deletions, chance = run(ASK, path, 4), 0, random.Random(3)
    while asking.poll() is None:
        time.sleep(chance.uniform(0.2, 0.7))
        deletions += (path / "index").exists()
        shutil.rmtree(path / "index", ignore_errors=True)
    asked = output_of(asking).splitlines()[-1]
    assert deletions >= 2
    assert asked == output_of(run(ASK, path, 1)).splitlines()[-1]
    assert_answers_all(path, EVENTS)


def test_after_several_deletions_a_question_is_answered_in_memory(tmp_path: Path) -> None:
    """``index/`` is deleted each time that a question has built it and not read it yet. A warning says so."""
    path = tmp_path / "log"
    log_with(path, EVENTS)
    deletions = []

    def count() -> int:
        for attempt in Index(Log(path), BUSY, sizes=SMALL).views():
            with attempt as view:
                if (path / "index").exists():
                    shutil.rmtree(path / "index")
                    deletions.append(path)
                found = sum(view.map(lambda events: events.clustered.in_order.collect().height))
        return found

    with pytest.warns(DerivedFileWarning, match="no index can be kept"):
        found = count()
    assert len(deletions) > 2
    assert found == _count(index_of(reference(EVENTS, BUSY))) > 0
    assert_answers(stored_timeline(Log(path), BUSY, SMALL), reference(EVENTS, BUSY))


@pytest.mark.parametrize("sizes", [SMALL, None])
def test_a_missing_file_of_the_log_is_an_error(tmp_path: Path, sizes: Sizes | None) -> None:
    """The log is the truth: without a file of it there is no answer."""
    log = log_with(tmp_path / "log", EVENTS)
    timeline = Timeline(log, BUSY) if sizes is None else stored_timeline(log, BUSY, sizes)
    next(path for path in (tmp_path / "log" / "events").rglob("*.parquet")).unlink()
    with pytest.raises(LogError, match=r"log lacks a file: .*\.parquet"):
        timeline.as_of()


@pytest.mark.parametrize("limit", [0, 2_000, 5_000])
def test_a_full_disk_is_an_error_and_leaves_no_partial_files(tmp_path: Path, limit: int) -> None:
    """When a file cannot be written the question fails with an IndexFileError; later it works again."""
    path = tmp_path / "log"
    log_with(path, EVENTS)
    said, height = output_of(run(LIMITED, path, limit)).rsplit("\n", 2)[:2]
    assert "cannot be written to" in said
    assert "File too large" in said
    assert "Hint: free some space" in said
    expected = reference(EVENTS, BUSY)
    assert int(height) == expected.as_of().height
    found = stored_timeline(Log(path), BUSY, SMALL)
    assert_answers(found, expected)
    assert not unnamed_files(index_of(found))


@pytest.mark.slow
def test_a_read_only_log_has_its_derived_files_in_the_cache_folder(tmp_path: Path) -> None:
    """Index and snapshots of a read-only log are in the user's cache folder."""
    with TemporaryDirectory() as open_folder:
        os.chmod(open_folder, 0o755)  # noqa: PTH101, S103 - another user reads it
        path, cache = Path(open_folder) / "log", Path(open_folder) / "cache"
        log_with(path, EVENTS)
        cache.mkdir()
        cache.chmod(0o777)
        path.chmod(0o555)
        said, folder = output_of(run(READ_ONLY, path, XDG_CACHE_HOME=str(cache))).splitlines()
        path.chmod(0o755)
        states = reference(EVENTS, BUSY)
        assert said == f"{states.as_of().height} {states.entities().len()} True"
        assert Path(folder).is_relative_to(cache / "eventsource")
        assert not (path / "index").exists()
        assert not (path / "snapshots").exists()


@pytest.mark.parametrize("pattern", ["part-*.parquet", "run-*.parquet", "part-*.entities"])
def test_truncated_files_are_noticed(tmp_path: Path, pattern: str) -> None:
    """A file that lost its end is noticed by whoever reads it, and the index is built again."""
    events, path = EVENTS[:700], tmp_path / "log"
    found = stored_timeline(log_with(path, events), BUSY, SMALL)
    found.as_of()
    for file in index_of(found).folder.glob(pattern):
        os.truncate(file, file.stat().st_size // 2)
    fresh, expected = stored_timeline(Log(path), BUSY, SMALL), reference(events, BUSY)
    with pytest.warns(DerivedFileWarning, match="the index is built again"):
        answers = fresh.touched(0, len(events)), fresh.as_of()
    assert answers[0].equals(expected.touched(0, len(events)))
    assert answers[1].equals(expected.as_of())
    assert_answers(fresh, expected)
    assert_answers(found, reference(events, BUSY))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b"{}",
        b'{"runs": []}',
        f'{{"version": {FORMAT_VERSION}}}'.encode(),
    ],
)
def test_a_damaged_manifest_counts_as_missing(tmp_path: Path, content: bytes) -> None:
    """Whatever the manifest contains instead, the index is built again."""
    found = stored_timeline(log_with(tmp_path / "log", EVENTS[:400]), BUSY, SMALL)
    found.as_of()
    (index_of(found).folder / "manifest.json").write_bytes(content)
    with pytest.warns(DerivedFileWarning, match=r"manifest.json is damaged"):
        assert_answers_all(tmp_path / "log", EVENTS[:400])
    assert not unnamed_files(index_of(stored_timeline(log_of(found), BUSY, SMALL)))


def test_an_index_of_another_version_is_replaced(tmp_path: Path) -> None:
    """That is not damage: an upgrade does it."""
    found = stored_timeline(log_with(tmp_path / "log", EVENTS[:400]), BUSY, SMALL)
    found.as_of()
    (index_of(found).folder / "manifest.json").write_bytes(b'{"sizes": {}, "version": 1}')
    assert_answers_all(tmp_path / "log", EVENTS[:400])
    assert not unnamed_files(index_of(stored_timeline(log_of(found), BUSY, SMALL)))


def test_a_file_in_place_of_the_folder_is_answered_in_memory(tmp_path: Path) -> None:
    """If the folder cannot be created, a warning names it, and the events are held in memory."""
    found = stored_timeline(log_with(tmp_path / "log", EVENTS[:100]), BUSY, SMALL)
    (tmp_path / "log" / "index").write_text("in the way")
    with pytest.warns(DerivedFileWarning, match=r"no index can be kept in .*index"):
        assert found.as_of().equals(reference(EVENTS[:100], BUSY).as_of())


@pytest.mark.hostile
@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK])
def test_a_lock_that_cannot_be_acquired_is_an_error(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system without locks, or one that refuses them, is an error of this package, and no endless wait.

    Every index leaves its lock file behind, so a copied log has one.
    """
    log_with(tmp_path / "log", EVENTS[:300])
    stored_timeline(Log(tmp_path / "log"), BUSY, SMALL).as_of()
    log_with(tmp_path / "log", EVENTS[300:400])
    monkeypatch.setattr(fcntl, "flock", _refuse(code))
    with pytest.raises(IndexFileError, match=r"(?s)cannot be written to .*file locks"):
        stored_timeline(Log(tmp_path / "log"), BUSY, SMALL).as_of()


def _refuse(code: int) -> Callable[[int, int], None]:
    def flock(_file: int, _operation: int) -> None:
        raise OSError(code, os.strerror(code))

    return flock
