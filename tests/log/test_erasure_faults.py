"""Erasures that are killed, and erasures while others append and read: real processes."""

import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

import eventsource as es
from eventsource.log import Log
from tests.log.erasurekit import SMALL, Person, derive, moved, people_log, traces
from tests.log.logkit import ids, is_sound, run

ERASE = """
import os, signal, sys
from eventsource import atomic_write, derived_folders
from eventsource.log import Log, _data_files, _storage, _table

left = int(sys.argv[2])

def killed_around(owner, name):
    whole = getattr(owner, name)
    def step(*given, **named):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        found = whole(*given, **named)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return found
    setattr(owner, name, step)

if left:
    killed_around(_table.Table, "_commit")
    killed_around(_data_files.DataFiles, "write")
    killed_around(_storage.Storage, "remove")
    killed_around(os, "fsync")
    killed_around(derived_folders.shutil, "rmtree")
    killed_around(type(derived_folders.Path()), "replace")
    killed_around(type(derived_folders.Path()), "unlink")
log = Log(sys.argv[1])
print("ready", flush=True)
log.erase(stream="ada-0", reason="request", hash_ids=sys.argv[3] == "hash")
print("steps", -left)
"""

APPEND = """
import sys
from tests.log.erasurekit import moved
from eventsource.log import Log
log, who = Log(sys.argv[1]), int(sys.argv[2])
for number in range(25):
    begin = 100_000 * who + 20 * number
    log.append([moved(number, f"bob-{who}") for number in range(begin, begin + 20)])
"""

ASK = """
import sys
import eventsource as es
from tests.log.erasurekit import Person, SMALL
from pathlib import Path
log = es.Log(sys.argv[1])
timelines = [es.Timeline(log, Person, tuning=SMALL), es.Timeline(log, Person)]
asked = 0
while not Path(sys.argv[2]).exists():
    for people in timelines:
        states = people.as_of(upto=200)
        emails = dict(states.select("entity", "email").iter_rows())
        assert set(emails) == {f"ada-{n}" for n in range(5)}, emails
        for person, email in emails.items():
            assert email is None or email.startswith(f"SECRET-{person}-"), emails
        asked += 1
print(asked)
"""


def _ended(program: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for a program; return its exit code and what it printed. Its errors are shown if the test fails."""
    out, err = program.communicate(timeout=300)
    print(err)
    return program.returncode, out


def template(folder: Path) -> Path:
    """Return the folder of a log with an index and snapshots, which each attempt copies."""
    derive(people_log(folder / "template"))
    return folder / "template"


def finished(path: Path) -> Log:
    """Return a log after another call has written to it, which finishes an erasure."""
    log = Log(path)
    assert log.append([moved(500, "ada-4")]).appended == 1
    return log


@pytest.mark.slow
@pytest.mark.parametrize("how", ["keep", "hash"])
def test_an_erasure_killed_at_any_step_is_finished_by_the_next_call(tmp_path: Path, how: str) -> None:
    """After kill -9 before or after a step, the next append finishes it; before the first, nothing happened."""
    original = template(tmp_path)
    log = shutil.copytree(original, tmp_path / "whole")
    whole = run(ERASE, log, 10**9, how)
    steps = 10**9 + int(_ended(whole)[1].split()[-1])
    assert steps > 40
    expected = finished(log).scan().drop("metadata").collect()
    finishing = 0
    for step in sorted(random.Random(len(how)).sample(range(1, steps + 1), 12)):
        log = shutil.copytree(original, tmp_path / f"log{step}")
        assert _ended(run(ERASE, log, step, how))[0] == -signal.SIGKILL
        if (log / "erasures" / "pending.json").exists():
            finishing += 1
            assert (log / "erasures" / "pending.json").stat().st_mode & 0o77 == 0
            rows = finished(log).scan().drop("metadata").collect()
            assert traces(log, "SECRET-ada-0") == []
            columns = [
                name for name in rows.columns if how == "keep" or name not in ("event_id", "stream", "data")
            ]
            assert rows.select(columns).equals(expected.select(columns))
            assert Log(log).erasure_receipts().height == 1
        elif Log(log).erasures:
            assert traces(log, "SECRET-ada-0") == []
        else:
            assert ids(Log(log)) == ids(Log(original))
        assert is_sound(Log(log))
        assert list(log.rglob("pending.json")) == []
        people = es.Timeline(Log(log), Person, tuning=SMALL)
        assert people.as_of().equals(es.Timeline(Log(log), Person).as_of())
        shutil.rmtree(log)
    assert finishing > 6


@pytest.mark.slow
def test_an_erasure_killed_at_any_time_is_finished_by_the_next_erasure(tmp_path: Path) -> None:
    """The time is that of an erasure that is left alone."""
    original, chance = template(tmp_path), random.Random(11)
    log = shutil.copytree(original, tmp_path / "whole")
    alone = run(ERASE, log, 0, "keep")
    assert alone.stdout is not None
    alone.stdout.readline()
    started = time.monotonic()
    _ended(alone)
    needed, killed = time.monotonic() - started, 0
    for attempt in range(8):
        log = shutil.copytree(original, tmp_path / f"log{attempt}")
        erase = run(ERASE, log, 0, "keep")
        assert erase.stdout is not None
        erase.stdout.readline()
        time.sleep(chance.uniform(0, needed))
        erase.send_signal(signal.SIGKILL)
        killed += _ended(erase)[0] == -signal.SIGKILL
        Log(log).erase(stream="ada-0", reason="again")
        assert traces(log, "SECRET-ada-0") == []
        assert is_sound(Log(log))
        shutil.rmtree(log)
    assert killed >= 3


@pytest.mark.slow
def test_appends_and_questions_while_events_are_erased(tmp_path: Path) -> None:
    """Every append succeeds and nothing is lost; every answer is from before or after an erasure."""
    path = tmp_path / "log"
    log = people_log(path)
    derive(log)
    writers = [run(APPEND, path, who) for who in (1, 2)]
    readers = [run(ASK, path, tmp_path / "done") for _ in range(2)]
    for person in range(5):
        log.erase(stream=f"ada-{person}", reason="request")
    for writer in writers:
        assert _ended(writer)[0] == 0
    for stream in ("bob-1", "bob-2"):
        Log(path).erase(stream=stream, reason="request", hash_ids=stream == "bob-2")
    (tmp_path / "done").touch()
    for reader in readers:
        code, out = _ended(reader)
        assert (code, int(out) > 0) == (0, True)
    assert traces(path, "SECRET-ada") == []
    assert traces(path, "SECRET-bob") == []
    assert is_sound(log)
    assert log.head == 203 + 1000
    assert log.erasures == 7
