"""sniff and init --from: files that are not events as they are get a guessed mapping."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Run = Callable[..., Result]

FILES = {
    "steps.csv": "case;activity;time\n7;Sent;2024-01-01\n7;Paid;2024-01-02\n",
    "orders.csv": "OrderID,OrderDate,ShippedDate,Amount\n1,2024-01-01,2024-01-05,9.99\n2,2024-01-02,,44.96\n",
    "visits.jsonl": '{"no": 5, "user": {"id": "u1"}, "event": "Seen", "ts": 1704067200}\n'
    '{"no": 6, "user": {"id": "u1"}, "event": "Left", "ts": 1704067260}\n',
    "index.csv": ",who,action,when\n0,ada,Bought,2024-01-01\n1,ada,Sold,2024-01-02\n",
}
MAPPINGS: dict[str, dict[str, Any]] = {
    "steps.csv": {"event_id": "@line", "occurred_at": "time", "type": "activity", "stream": "case"},
    "orders.csv": {
        "event_id": ["OrderID", "@type"],
        "events": [
            {"type": "Order", "occurred_at": "OrderDate"},
            {"type": "Shipped", "occurred_at": "ShippedDate"},
        ],
        "stream": "OrderID",
    },
    "visits.jsonl": {"event_id": "no", "occurred_at": "ts", "type": "event", "stream": "user.id"},
    "index.csv": {"event_id": "", "occurred_at": "when", "type": "action", "stream": "who"},
}


@pytest.mark.parametrize("name", FILES)
def test_sniff_prints_a_mapping_that_works(run: Run, folder: Path, name: str) -> None:
    """What it prints can be pasted: a pull with it takes all lines."""
    (folder / name).write_text(FILES[name])
    out = run("sniff", name).stdout
    assert f"{name}: " in out
    table = "[tool.eventsource.source]" + out.partition("[tool.eventsource.source]")[2]
    mapping = tomllib.loads(table)["tool"]["eventsource"]["source"]
    assert mapping == {"path": name, **MAPPINGS[name]}
    (folder / "pyproject.toml").write_text(table)
    assert "appended" in run("pull").stdout
    assert not (folder / "data" / "log" / "rejected").exists()


def test_sniff_of_what_needs_no_mapping(run: Run, folder: Path) -> None:
    """Events as they are, and known formats, have no mapping; a file without a clue is exit code 1."""
    assert 'path = "raw/a.jsonl"\n' in run("sniff", "raw/a.jsonl").stdout
    (folder / "odd.jsonl").write_text('{"a": [1]}\n')
    assert "no mapping could be guessed" in run("sniff", "odd.jsonl", code=1).stdout
    line = {
        "auditID": "a",
        "stage": "Done",
        "user": "ada",
        "verb": "get",
        "requestReceivedTimestamp": "2024-01-01T00:00:00Z",
    }
    (folder / "k8s.jsonl").write_text(json.dumps(line | {"requestURI": "/"}) + "\n")
    assert "a:Done" in run("sniff", "k8s.jsonl").stdout


@pytest.mark.parametrize("name", ["steps.csv", "orders.csv", "visits.jsonl"])
def test_from_a_raw_file_to_the_first_answer(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A project made with --from has the mapping and a model; pull and as-of work at once."""
    (folder / name).write_text(FILES[name])
    run("init", "mine", "--from", name)
    monkeypatch.chdir(folder / "mine")
    assert "rejected" not in run("pull").stdout
    answer = json.loads(run("as-of", "-f", "json").stdout)
    assert answer
    if name == "orders.csv":
        assert "dtype=pl.Decimal(38, 2)" in (folder / "mine" / "models.py").read_text()
        assert [row["amount_total"] for row in answer] == ["19.98", "44.96"]
