"""The commands `correct` and `retract`, and what the other commands show of corrections."""

import json
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from click.testing import Result

import eventsource as es

Run = Callable[..., Result]


def head(folder: Path) -> int:
    return es.Log(folder / "data" / "log").head


def test_a_correction_shows_before_and_after(pulled: Run, folder: Path) -> None:
    """It is appended with --yes; answers change, and explain and replay say why."""
    before = head(folder)
    found = pulled("correct", "e-3", "--data", '{"amount": 20.5}', "--reason", "typed \x1b[31mwrong", "--yes")
    assert 'data: {"amount": 10.1, "tag": "b"} → {"amount": 20.5}' in found.stdout
    assert "1 correction appended" in found.stdout
    assert head(folder) == before + 1
    assert json.loads(pulled("as-of", "-e", "ada", "-f", "json").stdout)[0]["spent"] == "20.70"
    shown = pulled("replay", "ada", "-f", "table").stdout
    assert "corrected" in shown
    assert "typed" in shown
    assert "\x1b[31mwrong" not in shown
    assert "e-3 corrected" in pulled("explain", "ada", "-f", "json").stdout
    steps = json.loads(pulled("replay", "ada", "-f", "json").stdout)
    assert [step["event_id"] for step in steps if "corrected" in step] == ["e-3"]


def test_a_retraction_and_back(pulled: Run, folder: Path) -> None:
    """A retracted event is listed below the replay; a correction without parts brings it back."""
    pulled("retract", "e-2", "--reason", "never paid", "--yes")
    assert "retracted events" in (shown := pulled("replay", "ada", "-f", "table").stdout)
    assert "never paid" in shown
    assert "nothing to correct" in pulled("retract", "e-2", "--yes").stderr
    pulled("correct", "e-2", "--yes")
    assert "retracted events" not in pulled("replay", "ada", "-f", "table").stdout
    assert "$retracted" in pulled("dump", "ada").stdout


def test_it_asks_on_a_terminal_only(pulled: Run, folder: Path) -> None:
    """Without a terminal and without --yes nothing is appended."""
    before = head(folder)
    assert "--yes does it without asking" in pulled("retract", "e-2", code=2).stderr
    assert head(folder) == before
    with patch("eventsource.cli._terminal.sys") as terminal:
        terminal.stdin.readline.return_value = "n\n"
        pulled("retract", "e-2", code=2)
        assert head(folder) == before
        terminal.stdin.readline.return_value = "yes\n"
        assert "1 correction appended" in pulled("retract", "e-2").stdout
    assert head(folder) == before + 1


def test_several_come_from_a_file(pulled: Run, folder: Path) -> None:
    """The reason of the command is that of lines without one; for retract ids are enough."""
    lines = [{"event_id": "e-3", "data": {"amount": 1}}, {"event_id": "e-4", "type": "Void", "reason": "own"}]
    (folder / "fix.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (folder / "gone.csv").write_text("event_id\ne-2\n")
    assert "2 corrections appended" in pulled("correct", "--file", "fix.jsonl", "--reason", "all", "-y").stdout
    pulled("retract", "--file", "gone.csv", "-y")
    found = es.Log(folder / "data" / "log").corrections()
    assert found.select("target_id", "reason").rows() == [("e-3", "all"), ("e-4", "own"), ("e-2", None)]


def test_wrong_arguments(pulled: Run, folder: Path) -> None:
    """Errors name the near id, the wrong value, or what is missing."""
    assert "did you mean 'e-3'" in pulled("correct", "e_3", "--type", "X", "-y", code=1).stderr
    assert "expected a JSON object as data" in pulled("correct", "e-3", "--data", "{", "-y", code=1).stderr
    assert "expected the id of an event or --file, got neither" in pulled("correct", code=2).stderr
    assert "got both" in pulled("correct", "e-3", "--file", "x", code=2).stderr


def test_check_lists_corrections_without_effect(pulled: Run, folder: Path) -> None:
    """They are unusual, not wrong."""
    line = {"event_id": "k", "stream": "ada", "type": "$retracted", "occurred_at": "2024-05-01"}
    (folder / "raw" / "b.jsonl").write_text(json.dumps({**line, "data": {"event_id": "missing"}}))
    pulled("pull")
    pulled("correct", "e-3", "--type", "Void", "--yes")
    shown = pulled("check").stdout
    assert "1 correction has no effect, of 2" in shown
    assert "the log has no event missing at a smaller position" in shown
    assert [row["target_id"] for row in json.loads(pulled("check", "-f", "json").stdout)["corrections"]] == [
        "missing"
    ]
