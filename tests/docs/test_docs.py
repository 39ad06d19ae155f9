"""Every example runs and prints what its page says; every documented command exists, and the other way round."""

import re
import shutil
from pathlib import Path

import pytest

import eventsource
from docs._commands import commands
from tests.docs.examples import PAGES, ROOT, Command, commands_in, console_blocks, name_of, run_page

README = ROOT / "README.md"
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
COMMANDS = commands()
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def _documented(page: Path) -> list[Command]:
    return [command for block in console_blocks(page) for command in commands_in(block)]


@pytest.mark.parametrize(
    "page", [README, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *PAGES], ids=lambda page: page.name
)
def test_documented_commands_exist_with_their_options(page: Path) -> None:
    """A page names no command, option or target of `make` that does not exist."""
    for command in _documented(page):
        words = command.words
        if words[0] == "make":
            assert set(words[1:]) <= TARGETS, command.line
        if words[0] in ("eventsource", ".venv/bin/eventsource"):
            name = name_of(words)
            assert name in COMMANDS, command.line
            options = {each for found in COMMANDS[name].parameters for each in found.names}
            used = {word.partition("=")[0] for word in words[2:] if re.fullmatch(r"--?[a-z][a-z-]*(=.*)?", word)}
            assert used <= options, command.line


def test_every_command_is_shown_on_a_page() -> None:
    """A page of the documentation, other than the generated reference, shows how to call each command."""
    lines = [command.words for page in (README, *PAGES) for command in _documented(page)]
    assert {name_of(words) for words in lines if words[0] == "eventsource"} == set(COMMANDS)


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.name)
def test_examples_print_what_the_page_says(page: Path, tmp_path: Path) -> None:
    """The Python and the commands of a page run, top to bottom, and print what the page shows below them."""
    assert run_page(page, tmp_path) == page.read_text(encoding="utf-8"), "python -m tests.docs.refresh"


@pytest.mark.parametrize("module", ["__init__.py", "model/__init__.py", "testing/__init__.py"])
def test_the_examples_of_docstrings_run(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python in a module's docstring runs, on the demo data."""
    shutil.copytree(ROOT / "data" / "raw", tmp_path / "data" / "raw")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec("import eventsource as es\nfrom eventsource.demo.models import Customer", names)  # noqa: S102 - literal
    source = (Path(eventsource.__file__).parent / module).read_text(encoding="utf-8")
    blocks = PYTHON.findall(source)
    assert blocks
    for block in blocks:
        exec(compile(block, module, "exec"), names)  # noqa: S102 - our own docstrings
    for name, value in list(names.items()):
        if name.startswith("test_"):
            value()  # type: ignore[operator]
