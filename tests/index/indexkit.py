"""What the tests of the index share: programs to be killed, starved or raced, on a log of busy events."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from eventsource import Log
from eventsource.index import Index, Sizes
from tests.conformance.stored import BUSY, assert_answers, reference, stored_timeline

SMALL = Sizes(in_memory=0, max_run=300, part=60, max_sort=120)
ROOT = Path(__file__).parents[2]


def run(code: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
    """Start a Python program that can import what the tests share."""
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def output_of(program: subprocess.Popen[str]) -> str:
    """Wait for a program, and return what it printed."""
    out, err = program.communicate(timeout=120)
    assert program.returncode == 0, err
    return out


def log_with(path: Path, events: list[dict[str, Any]]) -> Log:
    """Append events to a log, and return it."""
    log = Log(path)
    log.append(events)
    return log


def assert_answers_all(path: Path, events: list[dict[str, Any]]) -> None:
    """Assert that the next process to ask gets the answers that all events give without an index."""
    assert_answers(stored_timeline(Log(path), BUSY, SMALL), reference(events, BUSY))


def unnamed_files(index: Index) -> set[str]:
    """Return the files in an index's folder that its manifest does not name."""
    named = index.files.manifest().file_names
    return {path.name for path in index.folder.iterdir()} - named - {"manifest.json", "lock"}
