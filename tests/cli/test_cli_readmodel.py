"""Read models on the command line."""

import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from eventsource.cli import _progress

Run = Callable[..., Result]
URL = "sqlite:///shop.db"
TABLE = "\n[tool.eventsource.readmodel]\n"


def configured(folder: Path, text: str) -> None:
    with (folder / "pyproject.toml").open("a") as file:
        file.write(TABLE + text)


def rows(folder: Path, query: str, file: str = "shop.db") -> list[tuple[object, ...]]:
    with sqlite3.connect(folder / file) as connection:
        found = connection.execute(query).fetchall()
    connection.close()
    return found


def wait_for_health(folder: Path) -> None:
    """Wait until a service says that its table is at the head of the log."""
    for _ in range(400):
        if (folder / "h.json").exists() and json.loads((folder / "h.json").read_text())["position"] == 22:
            return
        time.sleep(0.05)
    raise TimeoutError


def test_refresh_and_lag(pulled: Run, folder: Path) -> None:
    """A refresh makes the table, the next one writes nothing; lag tells how far it is behind."""
    assert "rebuilt (not created yet): 14 rows written" in pulled("refresh", "--to", URL, "--verify").stdout
    assert pulled("refresh", "--to", URL).stdout == "customer at position 22; there was nothing to do\n"
    assert rows(folder, "SELECT name, spent FROM customer WHERE entity = 'ada'") == [("Ada", "10.30")]
    assert pulled("lag", "--to", URL).stdout == "customer at position 22, up to date\n"
    line = '{"event_id":"b","stream":"ada","type":"Bought","occurred_at":"2024-06-01"}\n'
    (folder / "raw" / "b.jsonl").write_text(line)
    pulled("pull")
    found = json.loads(pulled("lag", "--to", URL, "--format", "json").stdout)
    assert (found["table"], found["events"], found["position"]) == ("customer", 1, 22)
    assert found["seconds"] > 0
    assert "1 event (" in pulled("lag", "--to", URL).stdout
    assert "1 new event: 1 row written" in pulled("refresh", "--to", URL).stdout
    assert "rebuilt (requested)" in pulled("refresh", "--to", URL, "--rebuild").stdout


def test_lag_of_a_table_that_does_not_exist(pulled: Run, folder: Path) -> None:
    """Without the database or the table the exit code is 3, the hint is a command, and nothing is created."""
    typed = f"refresh --to {URL} --table 'my table' --history"
    for _ in range(2):
        found = pulled("lag", "--to", URL, "--table", "my table", "--history", code=3)
        assert (found.stdout, f"table my table does not exist in {URL}" in found.stderr) == ("", True)
        assert typed in " ".join(found.stderr.split())
        shown = pulled("lag", "--to", URL, "--table", "my table", "--format", "json", code=3).stdout
        assert json.loads(shown)["position"] is None
        pulled("refresh", "--to", "sqlite:///other.db")
        assert not (folder / "shop.db").exists()
    pulled("refresh", "--to", URL)
    pulled("lag", "--to", URL, "--table", "my table", code=3)


def test_lag_of_a_table_of_another_model(pulled: Run, folder: Path) -> None:
    """A table made by another model is not called up to date, neither in text nor in JSON."""
    pulled("refresh", "--to", URL, "--table", "t")
    model = ("--to", URL, "--table", "t", "--model", "models:Ticket")
    assert pulled("lag", *model).stdout == "t at position 22; a refresh rebuilds it: the model changed\n"
    assert json.loads(pulled("lag", *model, "--format", "json").stdout)["rebuild"] == "the model changed"
    assert "rebuilt (the model changed)" in pulled("refresh", *model).stdout
    assert json.loads(pulled("lag", *model, "--format", "json").stdout)["rebuild"] == ""


@pytest.mark.parametrize("history", ["--history", "--no-history"])
def test_bars_of_long_tasks(pulled: Run, monkeypatch: pytest.MonkeyPatch, history: str) -> None:
    """A refresh of many rows, and their comparison, show progress bars, but only on a terminal."""
    monkeypatch.setattr(_progress, "_LEAST", {"writing": 10, "comparing": 10})
    asked = ("refresh", "--to", URL, history, "--verify")
    assert pulled(*asked).stderr == ""
    monkeypatch.setenv("FORCE_COLOR", "1")  # what makes a pipe a terminal to Rich
    assert "writing" not in pulled(*asked).stderr
    shown = pulled(*asked, "--rebuild")
    for phase in ("writing rows", "creating SQL indexes", "comparing rows"):
        assert phase in shown.stderr
    assert shown.stderr.endswith("\x1b[2K")
    assert "writing" not in shown.stdout
    monkeypatch.setattr(_progress, "_LEAST", {"writing": 1000, "comparing": 1000})
    assert pulled(*asked, "--rebuild").stderr == ""


def test_settings_of_the_project(pulled: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of the project apply, with paths relative to it; options override them."""
    configured(folder, 'url = "sqlite:///kept.db"\ntable = "people"\nhistory = true\nevery = "1m"\n')
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    assert pulled("refresh").stdout.startswith("people at position 22; rebuilt")
    assert rows(folder, "SELECT count(*) FROM people", "kept.db") == [(14,)]
    assert rows(folder, "SELECT count(*) > 14 FROM people_history", "kept.db") == [(1,)]
    assert pulled("refresh", "--no-history", "--table", "other").stdout.startswith("other at position 22")
    assert pulled("refresh", "--to", "sqlite:///here.db").stdout.startswith("people at")
    assert (folder / "below" / "here.db").exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("uri = 1", "unknown key 'uri'"),
        ("history = 1", "history: expected true or false, got 1"),
        ("url = 7", "url: expected a text, got 7"),
    ],
)
def test_invalid_settings(pulled: Run, folder: Path, text: str, reason: str) -> None:
    """A setting with an unknown key or a value of another type is refused."""
    configured(folder, text)
    assert reason in pulled("refresh", code=2).stderr


def test_wrong_usage(pulled: Run, folder: Path) -> None:
    """A missing or invalid database is wrong usage; a table that belongs to something else is a failure."""
    assert "expected a database, got none" in pulled("refresh", code=2).stderr
    assert "Hint: sqlite:///people.db" in pulled("refresh", "--to", "people.db", code=2).stderr
    assert "got one of mysql" in pulled("refresh", "--to", "mysql://x/y", code=2).stderr
    assert "expected a duration, got 'soon'" in pulled("follow", "--to", URL, "--every", "soon", code=2).stderr
    rows(folder, "CREATE TABLE customer (precious TEXT)")
    assert "does not belong to this read model" in pulled("refresh", "--to", URL, code=1).stderr
    assert "failures are retried 1 time in a row" in pulled("follow", "--to", URL, "--retries", "1", code=1).stderr


def test_verify_finds_a_changed_row(pulled: Run, folder: Path) -> None:
    """``--verify`` shows the rows that differ from the model, and exits with 1."""
    pulled("refresh", "--to", URL)
    rows(folder, "UPDATE customer SET name = 'x' WHERE entity = 'ada'")
    found = pulled("refresh", "--to", URL, "--verify", code=1).stdout
    assert "different" in found
    assert "ada" in found


def test_follow_checks_its_options_first(pulled: Run, folder: Path) -> None:
    """Invalid options are refused before the service says that it runs, and before it creates anything."""
    for option, value, told in (
        ("--every", "soon", "expected a duration, got 'soon'"),
        ("--health", "no/h.json", "no/h.json cannot be written: the folder no does not exist"),
    ):
        found = pulled("follow", "--to", URL, option, value, code=2).stderr
        assert found.startswith(f"Error: {told}")
    assert not (folder / "shop.db").exists()


def test_follow_on_a_terminal(pulled: Run, folder: Path) -> None:
    """The reason for a rebuild stays on a line of its own; the status line below is rewritten."""
    terminal, end = pty.openpty()
    command = [sys.executable, "-m", "eventsource", "follow", "--to", URL, "--every", "50ms", "--health", "h.json"]
    with subprocess.Popen(
        command, stdout=end, stderr=subprocess.DEVNULL, env={**os.environ, "COLUMNS": "40"}
    ) as service:
        wait_for_health(folder)
        time.sleep(0.3)
        service.send_signal(signal.SIGTERM)
    first, status, rest = os.read(terminal, 65536).decode().split("\n")
    assert re.fullmatch(
        r"\r\x1b\[K[0-9:]{8} customer rebuilt \(not created yet\): 14 rows written, 0 deleted in [0-9.]+ s\r",
        first,
    )
    lines = status.split("\r\x1b[K")[1:]
    assert len(lines) > 2
    assert {line[9:].rstrip() for line in lines} == {"customer at position 22, up t…", "customer stopped"}
    assert rest == ""
    for opened in (terminal, end):
        os.close(opened)


def test_follow_in_a_pipe(pulled: Run, folder: Path) -> None:
    """In a pipe, the service writes one line per change; SIGTERM ends it with exit code 0."""
    command = [sys.executable, "-m", "eventsource", "follow", "--to", URL, "--every", "50ms", "--health", "h.json"]
    service = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with service:
        wait_for_health(folder)
        time.sleep(0.5)
        service.send_signal(signal.SIGTERM)
        out, err = service.communicate(timeout=30)
    assert service.returncode == 0
    first, last = out.splitlines()
    assert "customer at position 22, up to date; rebuilt (not created yet): 14 rows written, 0 deleted" in first
    assert last.endswith("customer stopped")
    assert err.splitlines()[-2] == f"refreshing customer in {URL} every 50ms, failures are retried without a limit"
    assert json.loads((folder / "h.json").read_text())["state"] == "stopped"
