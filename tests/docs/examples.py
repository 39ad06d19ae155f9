"""Runs the examples of a page: Python and console blocks, from top to bottom, in a folder of their own.

* A ``python`` block runs. The ``text`` block right below it is what it prints, and then its last expression.
* A ``python`` block with a ``:caption:`` is a file, and is written.
* In a ``console`` block, every line that begins with ``$`` is a command; the lines below it are what it prints.

`python -m tests.docs.refresh` writes into the pages what the examples print now.
"""

import ast
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import polars as pl
from click.testing import CliRunner

from docs._commands import commands
from eventsource.cli import app

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if page.name != "_setup.md")

WIDTH = 100
NOT_RUN = frozenset(
    {"demo", "follow", "lab", "report diff", "report new", "report run", "report schedule", "report verify"}
)
"""Commands that do not end, or take long: only their options are checked."""

_BLOCK = re.compile(
    r"^```(?P<language>python|console|\{code-block\} python)\n(?P<code>.*?)^```$"
    r"(?P<gap>\n+```text\n(?P<output>.*?)^```$)?",
    re.DOTALL | re.MULTILINE,
)
_SECONDS = re.compile(r"\b\d+\.\d s\b")
_CAPTION = re.compile(r":caption: (?P<file>\S+)\n\n?")


@dataclass(frozen=True, slots=True)
class Command:
    """A command line of a console block, and what the page says that it prints."""

    line: str
    output: str

    @property
    def words(self) -> list[str]:
        """The words of the line, without a comment."""
        return shlex.split(self.line, comments=True)


def commands_in(code: str) -> list[Command]:
    """Return the commands of a console block."""
    parts = re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]
    return [Command(*part.partition("\n")[::2]) for part in parts]


def console_blocks(page: Path) -> Iterator[str]:
    """Yield the console blocks of a page."""
    for block in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        if block["language"] == "console":
            yield block["code"]


def name_of(words: list[str]) -> str:
    """Return the name of the command that a line calls, such as ``report run``."""
    known = commands()
    return next((name for name in (" ".join(words[1:3]), words[1]) if name in known), " ".join(words[1:2]))


def run_page(page: Path, folder: Path) -> str:
    """Run the examples of a page in a folder; return the page with what they printed."""
    _prepare(page, folder)
    runner = _Runner(folder)
    text = page.read_text(encoding="utf-8")
    with _session(folder):
        return _BLOCK.sub(runner.replaced, text)


def _prepare(page: Path, folder: Path) -> None:
    """Put what a page begins with into its folder: the gym's project, or only its raw events; the samples."""
    if page.name == "tutorial.md":
        shutil.copy(DOCS / "gym" / "raw" / "gym.jsonl", folder)
    elif page.is_relative_to(DOCS):
        shutil.copytree(DOCS / "gym", folder, dirs_exist_ok=True)
        if "samples/" in page.read_text(encoding="utf-8"):
            shutil.copytree(DOCS / "samples", folder / "samples")
    else:
        shutil.copytree(ROOT / "data" / "raw", folder / "data" / "raw")
        shutil.copy(ROOT / "pyproject.toml", folder)


@contextmanager
def _session(folder: Path) -> Iterator[None]:
    """Work in a folder, whose modules are imported again and forgotten at the end."""
    before, path, modules, bytecode = Path.cwd(), list(sys.path), set(sys.modules), sys.dont_write_bytecode
    columns = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(WIDTH)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    try:
        with pl.Config(tbl_width_chars=WIDTH, tbl_rows=12, tbl_cols=12, fmt_str_lengths=40):
            yield
    finally:
        os.chdir(before)
        sys.path[:], sys.dont_write_bytecode = path, bytecode
        os.environ.pop("COLUMNS")
        if columns is not None:
            os.environ["COLUMNS"] = columns
        _forget(folder, modules)


def _forget(folder: Path, kept: set[str] | frozenset[str] = frozenset()) -> None:
    for name in set(sys.modules) - kept:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


class _Runner:
    """The session of one page."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.names = folder, {"__name__": "page"}

    def replaced(self, block: re.Match[str]) -> str:
        """Run a block; return it with what it printed."""
        code = block["code"]
        if block["language"] == "console":
            return f"```console\n{''.join(map(self._command, commands_in(code)))}```" + (block["gap"] or "")
        if caption := _CAPTION.match(code):
            Path(caption["file"]).write_text(code[caption.end() :], encoding="utf-8")
            return block[0]
        shown = self._python(code)
        return block[0] if block["gap"] is None else f"```python\n{code}```\n\n```text\n{shown}```"

    def _python(self, code: str) -> str:
        """Run Python; return what it prints, and its last expression."""
        with redirect_stdout(StringIO()) as printed:
            value = self._value(code)
        shown = printed.getvalue() + ("" if value is None else f"{value}\n")
        return self._plain(shown)

    def _value(self, code: str) -> Any:
        """Run Python; return the value of its last expression, None if it ends with another statement."""
        tree = ast.parse(code)
        last = tree.body[-1] if tree.body else None
        if isinstance(last, ast.Expr):
            tree.body.pop()
        exec(compile(tree, "page", "exec"), self.names)  # noqa: S102 - our own pages
        if not isinstance(last, ast.Expr):
            return None
        return eval(compile(ast.Expression(last.value), "page", "eval"), self.names)  # noqa: S307 - our own pages

    def _command(self, command: Command) -> str:
        """Run a command; return its line with what it printed, if the page shows what it prints."""
        words = command.words
        if words[0] == "cd":
            os.chdir(words[1])
        printed = self._eventsource(words) if words[0] == "eventsource" else command.output
        return f"$ {command.line}\n{printed if command.output else ''}"

    def _eventsource(self, words: list[str]) -> str:
        name = name_of(words)
        if name in NOT_RUN:
            return ""
        target = words.index(">") if ">" in words else None
        arguments = words[1:target]
        options = {option for parameter in commands()[name].parameters for option in parameter.names}
        chosen = {"--format", "-f", "--output", "-o"} & {word.partition("=")[0] for word in words}
        if "--output" in options and not chosen and target is None:
            arguments += ["--format", "table"]  # as on a terminal
        _forget(self.folder)
        result = CliRunner().invoke(app, arguments, prog_name="eventsource")
        failed = result.exit_code not in (0, 1, 3) or "Error" in result.output
        assert not failed, f"$ {shlex.join(words)}\n{result.output}\n{result.exception!r}"
        if target is not None:
            Path(words[target + 1]).write_text(result.stdout, encoding="utf-8")
            return ""
        return self._plain(result.output)

    def _plain(self, text: str) -> str:
        """Return a text without what differs from run to run: times taken and the path of the folder."""
        text = _SECONDS.sub("0.1 s", text.replace(str(self.folder), "/home/me/gym"))
        return "\n".join(line.rstrip() for line in text.split("\n"))
