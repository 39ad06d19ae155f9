"""`eventsource check`: what it prints, and its exit code."""

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

import eventsource as es
from tests.check.test_check import event, write_directly

Run = Callable[..., Result]


def test_a_log_that_cannot_be_read(tmp_path: Path, folder: Path, run: Run) -> None:
    """A missing file of the log is an error, and exit code 1."""
    run("pull")
    for path in (folder / "data" / "log" / "events").glob("*.parquet"):
        path.unlink()
    assert "lacks a file" in run("check", code=1).stderr


def test_check_on_the_screen(pulled: Run, folder: Path) -> None:
    """A sound log is exit code 0; faults are exit code 1; control characters are not printed."""
    out = pulled("check").stdout
    assert "✓" in out
    assert "why.stars" in out
    found = json.loads(pulled("check", "-f", "json").stdout)
    assert (found["events"], found["faults"]) == (22, [])
    assert {row["type"]: row["events"] for row in found["types"]}["Created"] == 15
    write_directly(es.Log(folder / "data" / "log"), {**event(1, event_id="e-1", type="\x1b[31m"), "position": 22})
    broken = pulled("check", code=1)
    assert "✗" in broken.stdout
    assert "\x1b" not in broken.stdout
    assert json.loads(pulled("check", "-f", "json", code=1).stdout)["faults"]


def test_types_that_the_model_of_the_project_does_not_name(pulled: Run, folder: Path) -> None:
    """They are named once, with counts; if the model cannot be imported, the log is checked nevertheless."""
    log = es.Log(folder / "data" / "log")
    log.append([event(n, event_id=f"f{n}", stream="ada", type="Forgotten") for n in range(3)])
    assert "no field of Customer names" in pulled("check").stdout
    found = json.loads(pulled("check", "-f", "json").stdout)
    assert found["unnamed"] == [{"model": "Customer", "type": "Forgotten", "events": 3}]
    config = (folder / "pyproject.toml").read_text().replace("models:Customer", "gone:Customer")
    (folder / "pyproject.toml").write_text(config)
    assert json.loads(pulled("check", "-f", "json").stdout)["unnamed"] == []


def test_a_deep_check_lists_damaged_files(pulled: Run, folder: Path) -> None:
    """With their positions, and exit code 1; it ends there. Of a sound log it shows what any check shows."""
    assert "✓" in pulled("check", "--deep").stdout
    [file] = (folder / "data" / "log" / "events").glob("*.parquet")
    file.write_bytes(file.read_bytes()[:-50])
    out = pulled("check", "--deep", code=1).stdout
    assert "1 file damaged" in out
    assert "positions 0 to 21" in out
    assert "from a backup" in out
    found = json.loads(pulled("check", "--deep", "-f", "json", code=1).stdout)
    assert found["damaged"][0]["first"] == 0
