"""A disk that is full: each command says which file it could not write, and leaves no half of it."""

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import eventsource as es
from tests.conformance.stored import busy_events

pytestmark = pytest.mark.hostile

ROOT = Path(__file__).parents[1]
MODEL = """
import eventsource as es
class Busy(es.Model):
    n = es.latest("Changed", "Opened", of="n")
    v = es.first("Changed", of="v")
"""
PYPROJECT = """
[tool.eventsource]
log = "log"
model = "models:Busy"
"""


def run_limited(folder: Path, *arguments: str, limit: int | None) -> subprocess.CompletedProcess[str]:
    """Run a command that may write files of a few bytes only."""

    def limit_files() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    return subprocess.run(
        [sys.executable, "-m", "eventsource", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit_files,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a small log, whose answers need no file."""
    es.Log(tmp_path / "log").append(busy_events(1, 300))
    (tmp_path / "models.py").write_text(MODEL)
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    return tmp_path


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.parquet", "a.md", "a.txt"])
def test_an_answer_that_cannot_be_written(project: Path, name: str) -> None:
    """The error names the file; the one of an earlier answer is as before."""
    (project / name).write_text("earlier")
    done = run_limited(project, "as-of", "-o", name, limit=20)
    assert done.returncode == 1, done.stderr
    assert f"Error: {name} cannot be written: File too large" in done.stderr
    assert "Hint: free some space" in done.stderr
    assert "Traceback" not in done.stderr
    assert (project / name).read_text() == "earlier"
    assert not [path for path in project.iterdir() if path.name.startswith(f".{name}")]


def notebook(folder: Path, code: str) -> Path:
    """Write a notebook of one cell."""
    path = folder / "report.ipynb"
    cell: dict[str, object] = {
        "cell_type": "code",
        "id": "a",
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": code,
    }
    path.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


LIMITED: list[tuple[str, str]] = [
    ("print('x' * 100_000)", "cannot be written"),
    ("raise ValueError('wrong ' * 40_000)", "the traceback could not be written to"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("code", "said"), LIMITED)
def test_a_report_that_cannot_be_written(project: Path, code: str, said: str) -> None:
    """Neither an empty page nor an empty notebook stays behind; the failure page fits."""
    path = notebook(project, code)
    done = run_limited(project, "report", "run", str(path), "--out", "out", limit=60_000)
    assert done.returncode == 1, done.stderr
    assert said in done.stderr
    assert "File too large" in done.stderr
    pages = {page.name for page in (project / "out" / "report").glob("*.html")}
    assert all(name.endswith("-failed.html") or name == "latest.html" for name in pages)
    assert not [file for file in (project / "out").rglob("*") if file.name.endswith(".tmp")]


@pytest.mark.slow
def test_a_report_with_a_long_folder_of_temporary_files(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of a socket may have about 100 bytes only: the sockets then are in a shorter folder."""
    long = project / ("t" * 100)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    done = run_limited(project, "report", "run", str(notebook(project, "print(1)")), "--out", "out", limit=None)
    assert done.returncode == 0, done.stderr
    assert (project / "out" / "report" / "latest.html").exists()


@pytest.fixture
def full_disk(tmp_path: Path) -> Callable[[], Path]:
    """Mount a file system of a few kilobytes, and fill it; only root may."""
    if os.geteuid() != 0 or not sys.platform.startswith("linux"):
        pytest.skip("only root on Linux mounts a small file system")
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this machine refuses to mount a file system")
    return lambda: folder


def test_a_disk_that_is_really_full(project: Path, full_disk: Callable[[], Path]) -> None:
    """The same on a file system without space."""
    folder = full_disk()
    try:
        (folder / "filler").write_bytes(bytes(60 * 1024))
        done = run_limited(project, "as-of", "-o", str(folder / "a.csv"), "-n", "0", limit=None)
        (folder / "filler").write_bytes(b"")
        done_later = run_limited(project, "as-of", "-o", str(folder / "a.csv"), limit=None)
        assert done_later.returncode == 0, done_later.stderr
        (folder / "filler").write_bytes(bytes(64 * 1024 - 2 * 4096))
        done = run_limited(project, "history", "-o", str(folder / "b.json"), "-n", "0", limit=None)
        names = sorted(path.name for path in folder.iterdir())
    finally:
        subprocess.run(["umount", str(folder)], check=True)
    assert done.returncode == 1
    assert "b.json cannot be written: No space left on device" in done.stderr
    assert names == ["a.csv", "filler"]


def test_a_health_file_that_cannot_be_written(project: Path) -> None:
    """The service does not run without it, as its supervisor would believe an old state."""
    done = run_limited(project, "follow", "--to", "sqlite:///a.db", "--health", "h.json", limit=20)
    assert done.returncode == 1, done.stderr
    assert "Error: the health file h.json cannot be written: File too large" in done.stderr
    assert "name another file with --health" in done.stderr
    assert not (project / "h.json").exists()


@pytest.mark.parametrize("command", [("init", "new"), ("demo", "new/a.jsonl.gz"), ("--install-completion",)])
def test_other_files_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """A new project, made-up data, completion: none leaves half a file, which a second attempt takes for whole."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", "/bin/bash")
    done = run_limited(tmp_path, *command, limit=20)
    assert done.returncode == 1, done.stderr
    assert "cannot be written: File too large" in done.stderr
    assert "Hint: free some space" in done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


WITHOUT_HOME = """
import os, sys
import filelock  # its modules may be where the other user cannot read
import eventsource as es
from eventsource.errors import LogError
from tests.log.erasurekit import SMALL
if os.geteuid() == 0:
    os.setgroups([])
    os.setuid(54321)  # no user has this number, so no home folder is known
class Busy(es.Model):
    n = es.count()
log = es.Log(sys.argv[1])
print(es.Timeline(log, Busy, tuning=SMALL).as_of().height)
for path in ("~/log", "~ghost/log"):
    try:
        es.Log(path)
    except LogError as error:
        print(error)
"""


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="only root can become a user without a name"
)
def test_a_user_without_a_home_folder() -> None:
    """Questions are answered in memory, with a warning that names XDG_CACHE_HOME; paths with ``~`` are refused."""
    with tempfile.TemporaryDirectory() as name:
        log = es.Log(Path(name) / "log")
        log.append(busy_events(1, 300))
        expected = log.scan().select(pl.col("stream").n_unique()).collect().item()
        Path(name).chmod(0o755)
        environment = {key: value for key, value in os.environ.items() if key not in ("HOME", "XDG_CACHE_HOME")}
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT_HOME, log.path],
            env={**environment, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == str(expected)
    assert "home folder unknown" in done.stderr
    assert "set XDG_CACHE_HOME" in done.stderr
    assert lines[1:] == [
        "~/log: this home folder is not known",
        "Hint: write the path in full",
        "~ghost/log: this home folder is not known",
        "Hint: write the path in full",
    ]
