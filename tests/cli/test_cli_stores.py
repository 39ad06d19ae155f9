"""The commands of the store, and pulls of a URL, once and as a service."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

import eventsource as es
from eventsource.cli import app
from eventsource.cli._follow_pull import Lag
from eventsource.cli._progress import Bar
from eventsource.event import SourceLag


def run(*arguments: str) -> tuple[int, str]:
    """Run a command; return its exit code and what it printed."""
    result = CliRunner().invoke(app, list(arguments), prog_name="eventsource")
    return result.exit_code, result.output


def test_a_store_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Append, conflict, read, list, pull."""
    monkeypatch.chdir(tmp_path)
    url = "sqlite:///shop.db"
    Path("events.jsonl").write_text('{"type": "Placed", "amount": 1, "event_id": "1"}\n\n{"type": "Paid"}\n')
    assert run("store", "init", url) == (0, "the table events is ready for events\n")
    append = ("store", "append", url, "order-1", "events.jsonl", "--expected-version")
    assert run(*append, "no-stream") == (0, "2 events appended; order-1 has version 2\n")
    code, text = run(*append, "7")
    assert code == 1
    assert "belongs to another append" in text
    Path("more.jsonl").write_text('{"type": "Shipped"}')
    code, text = run("store", "append", url, "order-1", "more.jsonl", "--expected-version", "1")
    assert code == 1
    assert "expected version 1 of stream 'order-1', got 2" in text
    code, text = run("store", "read", url, "order-1", "--from", "2", "-f", "json")
    assert [row["type"] for row in json.loads(text)] == ["Paid"]
    code, text = run("store", "streams", url, "-f", "csv")
    assert text == "stream,version\norder-1,2\n"
    code, text = run("pull", url, "--log", "log")
    assert code == 0
    assert "2 events appended" in text


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("store", "append", "sqlite:///x.db", "a", "list.jsonl"), "expected an object"),
        (("store", "append", "sqlite:///x.db", "a", "broken.jsonl"), "line 2: expected JSON"),
        (("store", "append", "sqlite:///x.db", "a", "list.jsonl", "--expected-version", "last"), "got"),
        (("store", "read", "sqlite:///x.db", "--from", "2"), "expected a stream with --from and --to"),
        (("pull", "sqlite:///none.db", "--log", "log"), "there is no such file"),
        (("pull", "list.jsonl", "--log", "log", "--follow", "--again"), "--strict, --rejected or --again"),
        (("pull", "list.jsonl", "--log", "log", "--follow", "--every", "soon"), "a duration"),
    ],
)
def test_mistakes_say_what_to_type(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    expected: str,
) -> None:
    """An error of the user ends with a message, not with a traceback."""
    monkeypatch.chdir(tmp_path)
    Path("list.jsonl").write_text("[1]\n")
    Path("broken.jsonl").write_text('{"type": "A"}\n{broken\n')
    code, text = run(*arguments)
    assert code in (1, 2)
    assert expected in text
    assert "Traceback" not in text


def test_a_service_pulls_what_is_appended_until_a_signal(tmp_path: Path) -> None:
    """Events arrive without a further command; the health file says how it is; SIGTERM ends it in order."""
    store = es.EventStore(f"sqlite:///{tmp_path}/shop.db")
    store.append("a", [{"type": "First"}])
    health, log = tmp_path / "health.json", es.Log(tmp_path / "log")
    command = [sys.executable, "-m", "eventsource", "pull", f"sqlite:///{tmp_path}/shop.db", "--log", log.path]
    options = ["--follow", "--every", "50ms", "--health", str(health)]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True, cwd=tmp_path) as service:
        _wait(lambda: log.head == 1)
        store.append("a", [{"type": "Second"}])
        _wait(lambda: log.head == 2)
        _wait(lambda: json.loads(health.read_text())["position"] == 2)
        os.kill(service.pid, signal.SIGTERM)
        printed, _ = service.communicate(timeout=60)
    assert service.returncode == 0
    assert "1 event appended" in printed
    assert json.loads(health.read_text())["state"] == "stopped"
    store.close()


@pytest.mark.parametrize(
    ("lags", "line", "health"),
    [
        ([SourceLag(0, 0.0)], "up to date", (0, 0.0)),
        ([SourceLag(3, 12.4), SourceLag(2, 1.0)], "5 events behind for 12 s", (5, 12.4)),
        ([SourceLag(3, 0.2)], "3 events behind for 0 s", (3, 0.2)),
        ([SourceLag(0, 0.0), SourceLag(None, 7.0)], "an unknown number of events behind for 7 s", (None, 7.0)),
        ([SourceLag(4, None)], "4 events behind", (4, None)),
        ([SourceLag(None, None)], "how far behind is not known", (None, None)),
        ([SourceLag(1, 2.0, ("1 event waits",))], "1 event behind for 2 s; 1 event waits", (1, 2.0)),
        ([SourceLag(0, 0.0, ("a gap",))], "up to date; a gap", (0, 0.0)),
        ([], "how far behind is not known", (None, None)),
    ],
)
def test_a_service_says_how_far_it_is_behind(
    lags: list[SourceLag], line: str, health: tuple[int | None, float | None]
) -> None:
    """In its line, and as numbers in its health file; what one source does not know is not known."""
    found = Lag(tuple(lags))
    assert str(found) == line
    assert (found.events, found.seconds) == health


@pytest.mark.parametrize("again", [False, True])
def test_a_pull_of_a_store_shows_which_share_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, again: bool
) -> None:
    """The bar counts events up to those that the store has; files are counted in bytes."""
    monkeypatch.chdir(tmp_path)
    store = es.EventStore("sqlite:///shop.db")
    store.append("a", [{"type": "First"}, {"type": "Second"}])
    drawn: list[tuple[float, float | None]] = []
    monkeypatch.setattr(Bar, "is_shown", True)
    monkeypatch.setattr(Bar, "draw", lambda _, __, done, total: drawn.append((done, total)))
    assert run("pull", "sqlite:///shop.db", "--log", "log")[0] == 0
    assert (drawn[0], drawn[-1]) == ((0, 2), (2, 2))
    store.append("a", [{"type": "Third"}])
    store.close()
    drawn.clear()
    run("pull", "sqlite:///shop.db", "--log", "log", *(["--again"] if again else []))
    total = 3 if again else 1
    assert (drawn[0], drawn[-1]) == ((0, total), (total, total))
    drawn.clear()
    Path("events.jsonl").write_text('{"event_id": "1", "stream": "a", "type": "T", "occurred_at": "2024-01-01"}\n')
    run("pull", "events.jsonl", "--log", "other")
    assert drawn[-1][1] == Path("events.jsonl").stat().st_size


def _wait(condition: object) -> None:
    assert callable(condition)
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
