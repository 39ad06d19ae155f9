"""The command `erase`: it asks before, says what it did, and leaves no trace."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

import eventsource as es
from tests.log.erasurekit import traces
from tests.log.logkit import ROOT

Run = Callable[..., Result]
ADA = ("erase", "--stream", "ada", "--reason", "request 17")


def test_erasing_a_stream(pulled: Run, folder: Path) -> None:
    """The summary counts; the receipts are listed; answers have no payload."""
    assert traces(folder / "data", '"stars"') != []
    result = pulled(*ADA, "--yes")
    assert result.stdout.startswith("erased: 5 events and 0 rejected lines; receipt 2")
    assert traces(folder / "data", '"stars"') == []
    assert "request 17" in pulled("erase", "--receipts").stdout
    assert pulled("as-of", "-e", "ada", "-c", "entity,name,orders").stdout.splitlines()[1] == "ada,,2"
    again = pulled("erase", "--event", "e-2", "--event", "e-6", "--reason", "r", "--hash-ids", "--yes")
    assert again.stdout.startswith("erased: 2 events and")


def test_wrong_usage(pulled: Run, folder: Path) -> None:
    """Nothing to erase, no reason, an unknown name, no terminal to ask on: nothing is erased."""
    assert "expected what to erase" in pulled("erase", "--yes", code=2).stderr
    assert "expected a reason" in pulled("erase", "--stream", "ada", "--yes", code=2).stderr
    assert "did you mean 'ada'?" in pulled("erase", "--stream", "adda", "--reason", "r", "--yes", code=1).stderr
    assert "--yes does it without asking" in pulled(*ADA, code=2).stderr
    assert es.Log(folder / "data" / "log").erasures == 0


def test_it_asks_on_a_terminal(pulled: Run, folder: Path) -> None:
    """Only a yes is a consent."""
    for answer, code, erased in ((b"n\n", 2, 0), (b"\n", 2, 0), (b"y\n", 0, 1)):
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "eventsource", *ADA]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        program = subprocess.Popen(
            command, cwd=folder, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )
        os.close(theirs)
        os.write(ours, answer)
        _, errors = program.communicate(timeout=120)
        os.close(ours)
        assert program.returncode == code, errors
        assert b"Erase 5 events and 0 rejected lines from data/log, permanently? [y/N]" in errors
        log = es.Log(folder / "data" / "log")
        assert (log.head > 0, log.erasures) == (True, erased)


def test_tidy_says_what_it_removed(pulled: Callable[..., Result]) -> None:
    """A log without files that are not needed is as it was; hours must be a number that is not negative."""
    assert re.match(r"0 files .*removed from .*data/log", pulled("tidy").stdout)
    assert pulled("tidy", "--hours", "0").stdout.rstrip().endswith("data/log")
    assert "hours" in pulled("tidy", "--hours", "-1", code=2).stderr
