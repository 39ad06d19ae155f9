"""The program as a process: what scripts, pipes and terminals get from it."""

import ast
import fcntl
import os
import pty
import re
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from docs._commands import commands
from eventsource import cli
from eventsource.log import Log

Run = Callable[..., Result]
PROGRAM = [sys.executable, "-m", "eventsource"]


def program(*args: str, **options: Any) -> subprocess.CompletedProcess[str]:
    done: subprocess.CompletedProcess[str] = subprocess.run(
        [*PROGRAM, *args], capture_output=True, text=True, timeout=120, check=False, **options
    )
    return done


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
    """Each command prints its summary, its arguments and options, and its examples."""
    assert "as-of" in run("--help").stdout
    for name, command in commands().items():
        out = " ".join(re.sub("[│╭╮╰╯─]", " ", run(*name.split(), "--help").stdout).split())
        assert f"Usage: eventsource {name} [OPTIONS]" in out
        assert command.summary in out
        for parameter in command.parameters:
            assert parameter.help, (name, parameter.names)
            assert all(each in out for each in parameter.names), (name, parameter.names)
        for example in command.examples:
            assert example in out


def test_the_help_of_a_command_begins_with_its_summary() -> None:
    """The table of commands and the docstring of the function say the same, as one sentence in the imperative."""
    for name, command in commands().items():
        assert command.help.split("\n\n")[0] == command.summary, name
        assert command.summary.endswith("."), name
        assert not re.match(r"[A-Z][a-z]+s ", command.summary), name


def test_the_examples_of_the_help_are_commands() -> None:
    """Each example of a command has options that the command has."""
    for name, command in commands().items():
        known = {option for parameter in command.parameters for option in parameter.names}
        for example in command.examples:
            words = shlex.split(example)
            assert words[1 : 1 + len(name.split())] == name.split()
            given = {word for word in words if re.fullmatch("--?[a-z][a-z-]*", word)}
            assert given <= known or name == "lab", example


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_imports_no_command(option: str) -> None:
    """Help and version need neither Polars nor any other library that answers questions."""
    code = f"import atexit, sys; sys.argv[1:] = ['{option}']; from eventsource.cli import main\n"
    code += "atexit.register(lambda: print(*sys.modules)); main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert "click" in loaded
    assert not loaded & {"polars", "numpy", "deltalake", "pyarrow", "sqlalchemy", "altair", "nbconvert"}


def test_every_error_of_the_command_line_has_a_hint() -> None:
    """Wrong usage and missing things name the command, option or setting that helps."""
    for path in Path(cli.__file__).parent.glob("_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                is_error = node.func.id in ("UsageError", "MissingError")
                assert not is_error or any(each.arg == "hint" for each in node.keywords), (path.name, node.lineno)


def test_the_commands_are_those_that_are_promised() -> None:
    """Users rely on the list of commands."""
    promised = (
        "init|demo|pull|rejected|as-of|history|changes|diff|explain|replay|dump|trend|report run|check|lab"
        "|report verify|report diff|report schedule|report new|report list|report history"
        "|refresh|follow|lag|snapshot|erase|sniff|correct|retract|faults|tidy"
        "|store init|store append|store read|store streams"
    )
    assert set(commands()) == set(promised.split("|"))


def test_every_command_is_tested() -> None:
    """Each command is run by a test."""
    typed = "\n".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    for command in commands():
        words = r'",\s*"'.join(map(re.escape, command.split()))
        assert re.search(rf'\(\s*"{words}"', typed), command


def test_version_and_module() -> None:
    """``python -m eventsource`` is the program."""
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", program("--version").stdout)


@pytest.mark.parametrize(
    ("shell", "start"), [("bash", ".bashrc"), ("zsh", ".zshrc"), ("fish", ".config/fish/config.fish")]
)
def test_completion_is_installed_once(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: str, start: str
) -> None:
    """The script goes into a file of its own, and one line into the file that the shell reads when it starts."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
    script = run("--show-completion").stdout
    assert f"_EVENTSOURCE_COMPLETE={shell}_complete" in script
    (tmp_path / start).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / start).write_text("# mine\n")
    for _ in range(2):
        run("--install-completion")
    lines = (tmp_path / start).read_text().split("\n")
    assert lines[0] == "# mine"
    (source,) = (line for line in lines if line.startswith("source "))
    assert Path(source.removeprefix("source ")).expanduser().read_text() == script
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    assert "expected $SHELL to be one of bash, zsh, fish, got 'tcsh'" in run("--show-completion", code=2).stderr
    monkeypatch.setenv("SHELL", "/bin/bash")
    monkeypatch.setenv("HOME", "no-home")
    assert run("--install-completion", code=2).stderr == (
        "Error: your home folder is not known\nHint: set HOME, or eventsource --show-completion bash\n"
    )


def test_completion_knows_commands_and_options() -> None:
    """The shell asks the program itself, which answers with commands, options and choices."""

    def completed(line: str) -> list[str]:
        words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
        done = program(env={**os.environ, **words, "_EVENTSOURCE_COMPLETE": "bash_complete"})
        return [each.split(",", 1)[1] for each in done.stdout.splitlines()]

    assert completed("eventsource re") == ["rejected", "retract", "replay", "refresh", "report"]
    assert completed("eventsource report r") == ["run"]
    assert completed("eventsource as-of --k") == ["--known-at"]
    assert completed("eventsource as-of --format p") == ["parquet"]


def test_lab_is_jupyterlab(folder: Path) -> None:
    """`lab` passes its options on, and runs in the project's folder."""
    (folder / "below").mkdir()
    done = program("lab", "--version", cwd=folder / "below")
    assert (done.returncode, done.stdout[:2]) == (0, "4.")


def test_exit_codes_of_the_process(folder: Path) -> None:
    """A script sees 3 where there is no log, 2 for wrong usage, and no traceback."""
    missing = program("as-of")
    assert (missing.returncode, missing.stdout) == (3, "")
    assert missing.stderr == "Error: the log data/log does not exist\nHint: create it: eventsource pull\n"
    assert program("as-of", "--nothing").returncode == 2


def test_debug_shows_the_traceback(folder: Path) -> None:
    """EVENTSOURCE_DEBUG=1 prints the traceback of an error."""
    done = program("as-of", env={**os.environ, "EVENTSOURCE_DEBUG": "1"})
    assert "Traceback" in done.stderr
    assert done.returncode == 1


def test_a_closed_pipe(pulled: Run, folder: Path) -> None:
    """If the reader closes the pipe, the program ends without a message."""
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
    """Ctrl-C gives exit code 130 without a traceback, and leaves no half-written file."""
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
    """A terminal gets a table as wide as itself; its only control sequences are colours."""
    out = on_terminal("as-of", columns=columns)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out).replace("\r\n", "\n")
    assert max(map(len, plain.splitlines())) <= columns
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", plain)
    assert "[red]markup" in plain
    assert "\x1b[31mred" not in out
    assert ("no room for" in plain) == (columns == 60)


def test_a_terminal_gets_no_control_characters_in_any_format(pulled: Run) -> None:
    """CSV, JSON and Markdown have no control characters either on a terminal."""
    for form in ("csv", "json", "md"):
        out = on_terminal("as-of", "-f", form).replace("\r\n", "\n")
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", out), form


def test_a_pull_shows_a_bar_on_a_terminal(folder: Path) -> None:
    """A pull shows a progress bar on a terminal, and only the summary in a pipe."""
    assert "raw/a.jsonl" not in program("pull").stdout
    assert Log(folder / "data" / "log").head == 22
    (folder / "raw" / "b.jsonl").write_text(
        '{"event_id":"b","stream":"s","type":"T","occurred_at":"2024-01-01"}\n'
    )
    assert "raw/*.jsonl" in on_terminal("pull")
