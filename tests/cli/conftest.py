import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from eventsource.cli import app
from tests.cli.shoplog import CONFIG, MODELS, lines


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with a raw log that is not pulled yet; it is the working directory."""
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.jsonl").write_text(lines())
    (tmp_path / "models.py").write_text(MODELS)
    (tmp_path / "pyproject.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    path, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def run(folder: Path) -> Callable[..., Result]:
    """Run a command in the project, in this process; expects exit code 0 unless ``code`` says otherwise."""

    def invoke(*args: str, code: int = 0) -> Result:
        result = CliRunner().invoke(app, list(args), prog_name="eventsource")
        assert result.exit_code == code, f"{result.exit_code}\n{result.output}\n{result.exception!r}"
        return result

    return invoke


@pytest.fixture
def pulled(run: Callable[..., Result]) -> Callable[..., Result]:
    """Run commands in the project after its raw log was pulled."""
    run("pull")
    return run
