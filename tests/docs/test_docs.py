"""Every example runs, and every documented command exists; the other way round too."""

import re
import shutil
from pathlib import Path

import pytest
import typer

import eventsource
from eventsource.cli import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"^\$ eventsource ((?:report )?[a-z-]+)(.*?)(?:  #.*)?$", re.MULTILINE)


def _commands(group: object, prefix: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        found |= _commands(command, f"{name} ") if hasattr(command, "commands") else {prefix + name: command}
    return found


COMMANDS = _commands(typer.main.get_command(app))


def test_every_documented_command_exists_and_the_other_way_round() -> None:
    """The README names all commands, and no others, with options that they have."""
    documented = [match for block in CONSOLE.findall(README) for match in COMMAND.findall(block)]
    assert {name for name, _ in documented} == set(COMMANDS)
    for name, rest in documented:
        options = {option for parameter in COMMANDS[name].params for option in parameter.opts}  # type: ignore[attr-defined]
        assert set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", rest)) <= options, name


def test_the_examples_of_the_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All Python of the README runs, top to bottom, on the demo data."""
    shutil.copytree(ROOT / "data" / "raw", tmp_path / "data" / "raw")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in PYTHON.findall(README):
        exec(compile(block, "README.md", "exec"), names)  # noqa: S102 - our own README
    assert len(names["log"]) == 11_908  # type: ignore[arg-type]


@pytest.mark.parametrize("module", ["__init__.py", "model.py", "testing/__init__.py"])
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
