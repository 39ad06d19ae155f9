"""The program as a process: what scripts, pipes and terminals see of it."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from eventsource.cli import commands
from eventsource.log import Log

Run = Callable[..., Result]
PROGRAM = [sys.executable, "-m", "eventsource"]


def program(*args: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *args], capture_output=True, text=True, timeout=120, check=False, **options)  # type: ignore[call-overload]


def on_terminal(*args: str, columns: int = 80) -> str:
    """Return what a terminal gets from the program."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {**os.environ, "TERM": "xterm"}
    environment.pop("COLUMNS", None)
    process = subprocess.Popen([*PROGRAM, *args], stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    got = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other side was closed: that is how a terminal ends
            break
        if not piece:
            break
        got += piece
    os.close(ours)
    assert process.wait(60) == 0
    return got.decode()


def wait_for(there: Callable[[], object]) -> None:
    for _ in range(600):
        if there():
            return
        time.sleep(0.1)
    raise TimeoutError


def test_every_command_has_help(run: Run) -> None:
    """Each command says what it does and what its options are."""
    for command in commands():
        out = run(*command.split(), "--help").stdout
        assert "Usage: eventsource" in out
        assert command in out
    assert "as-of" in run("--help").stdout


def test_the_commands_are_those_that_are_promised() -> None:
    """The list of commands is part of what users rely on."""
    promised = (
        "init|demo|pull|rejected|as-of|history|changes|diff|explain|replay|dump|trend|report run|check|lab"
        "|refresh|follow|lag|snapshot"
    )
    assert set(commands()) == set(promised.split("|"))


def test_every_command_is_tested() -> None:
    """A command that no test types would rot."""
    typed = "\n".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    for command in commands():
        words = r'",\s*"'.join(map(re.escape, command.split()))
        assert re.search(rf'\(\s*"{words}"', typed), command


def test_version_and_module() -> None:
    """``python -m eventsource`` is the program."""
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", program("--version").stdout)


def test_lab_is_jupyterlab(folder: Path) -> None:
    """The command passes its options on, and runs in the project's folder."""
    (folder / "below").mkdir()
    done = program("lab", "--version", cwd=folder / "below")
    assert (done.returncode, done.stdout[:2]) == (0, "4.")


def test_exit_codes_of_the_process(folder: Path) -> None:
    """A script sees 3 where there is no log, 2 for wrong usage, and no traceback."""
    missing = program("as-of")
    assert (missing.returncode, missing.stdout) == (3, "")
    assert missing.stderr == "Error: there is no log at data/log\nHint: eventsource pull makes it\n"
    assert program("as-of", "--nothing").returncode == 2


def test_debug_shows_the_traceback(folder: Path) -> None:
    """EVENTSOURCE_DEBUG=1 shows where an error comes from."""
    done = program("as-of", env={**os.environ, "EVENTSOURCE_DEBUG": "1"})
    assert "Traceback" in done.stderr
    assert done.returncode == 1


def test_a_reader_that_goes_away(pulled: Run, folder: Path) -> None:
    """A closed pipe ends the program quietly."""
    (folder / "many.jsonl").write_text(
        "".join(
            f'{{"event_id":"m{n}","stream":"s{n}","type":"Created","occurred_at":"2024-01-01","data":{{}}}}\n'
            for n in range(20_000)
        )
    )
    pulled("pull", "many.jsonl")
    done = subprocess.run(  # noqa: S602 - a pipe is what is tested
        f"{sys.executable} -m eventsource as-of -f json | head -n 1; exit ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (141, "[\n", "")


@pytest.mark.slow
def test_an_interrupt(folder: Path) -> None:
    """Ctrl-C is exit code 130 and no traceback; what was committed stands and the next pull goes on."""
    process = subprocess.Popen(
        [*PROGRAM, "demo", "big.jsonl", "--customers", "1e6"], stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: list(folder.glob(".demo-*")))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert not (folder / "big.jsonl").exists()


@pytest.mark.parametrize("columns", [60, 200])
def test_a_terminal_gets_a_table(pulled: Run, columns: int) -> None:
    """A terminal gets a table as wide as it is; nothing in it but our own colours is a control sequence."""
    out = on_terminal("as-of", columns=columns)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out).replace("\r\n", "\n")
    assert max(map(len, plain.splitlines())) <= columns
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", plain)
    assert "[red]markup" in plain
    assert "\x1b[31mred" not in out
    assert ("no room for" in plain) == (columns == 60)


def test_a_terminal_gets_no_control_characters_in_any_format(pulled: Run) -> None:
    """Also CSV, JSON and Markdown are harmless where a terminal would obey them."""
    for form in ("csv", "json", "md"):
        out = on_terminal("as-of", "-f", form).replace("\r\n", "\n")
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", out), form


def test_a_bar_on_a_terminal_only(folder: Path) -> None:
    """A pull shows its progress on a terminal, and leaves only the summary in a pipe."""
    assert "raw/a.jsonl" not in program("pull").stdout
    assert Log(folder / "data" / "log").head == 22
    (folder / "raw" / "b.jsonl").write_text(
        '{"event_id":"b","stream":"s","type":"T","occurred_at":"2024-01-01"}\n'
    )
    assert "raw/*.jsonl" in on_terminal("pull")
