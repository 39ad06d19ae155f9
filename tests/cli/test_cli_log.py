"""Pulling on the command line: what is told, what is committed, and what scripts learn of it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from shoplog import event, lines
from typer.testing import Result

import eventsource as es

Run = Callable[..., Result]


def write(path: Path, *rows: object) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))


def head(folder: Path) -> int:
    return es.Log(folder / "data" / "log").head


def test_a_pull_takes_what_is_new(run: Run, folder: Path) -> None:
    """A first pull takes all, a second nothing, a third what was added."""
    total = lines().count("\n")
    assert f"{total} events appended" in run("pull").stdout
    assert " 0 events appended" in run("pull").stdout
    with (folder / "raw" / "a.jsonl").open("a") as file:
        file.write(json.dumps(event(900, "eve", "Created", "2024-05-01")) + "\n")
    assert " 1 events appended" in run("pull").stdout
    assert head(folder) == total + 1


def test_a_pull_goes_on_from_any_folder(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The project is found from below, and its source is the same one seen from there."""
    run("pull")
    (folder / "notebooks").mkdir()
    monkeypatch.chdir(folder / "notebooks")
    result = run("pull")
    assert " 0 events appended" in result.stdout
    assert "duplicates" not in result.stdout
    assert run("as-of", "-e", "ada").stdout.count("\n") == 2


def test_each_file_that_the_shell_lists_keeps_its_place(run: Run, folder: Path) -> None:
    """Files named one by one are not read again when another one joins them."""
    write(folder / "one.jsonl", event(1, "a", "Created", "2024-01-01"))
    write(folder / "two.jsonl", event(2, "b", "Created", "2024-01-01"))
    run("pull", "one.jsonl")
    result = run("pull", "one.jsonl", "two.jsonl")
    assert " 1 events appended" in result.stdout
    assert "duplicates" not in result.stdout


def test_what_cannot_be_taken_is_told(run: Run, folder: Path) -> None:
    """The summary counts duplicates, conflicts and rejected lines, with places and the command to list them."""
    good = event(1, "a", "Created", "2024-01-01")
    write(
        folder / "bad.jsonl",
        good,
        good,
        good | {"type": "Other"},
        "{nothing",
        good | {"event_id": "x", "stream": None},
    )
    out = run("pull", "bad.jsonl").stdout
    for told in ("1 events appended", "2 duplicates", "1 conflicts", "2 lines rejected", "bad.jsonl:4: not JSON"):
        assert told in out
    assert "bad.jsonl:5: stream is missing" in out
    assert "eventsource rejected" in out


def test_strict_takes_all_or_nothing(run: Run, folder: Path) -> None:
    """With --strict one bad line in any of the sources is exit code 1, and nothing is committed."""
    write(folder / "good.jsonl", event(1, "a", "Created", "2024-01-01"))
    write(folder / "bad.jsonl", "{nothing")
    result = run("pull", "--strict", "good.jsonl", "bad.jsonl", code=1)
    assert "bad.jsonl:1: not JSON" in result.stderr
    assert head(folder) == 0
    run("pull", "--strict", "good.jsonl")
    assert head(folder) == 1


def test_rejected_lines_can_be_mended_and_pulled(run: Run, folder: Path) -> None:
    """--raw gives the very bytes; what is mended is pulled, and --clear forgets the rest."""
    bad = (
        '{"event_id":"x","stream":"a","type":"T","occurred_at":"2024-02-30","data":{"n":"ü\x1b[2J"}}'.encode()
        + b"\xff"
    )
    (folder / "bad.jsonl").write_bytes(bad + b"\n")
    run("pull", "bad.jsonl")
    assert run("rejected", "--raw").stdout_bytes == bad + b"\n"
    shown = run("rejected", "-f", "table")
    assert "\x1b" not in shown.stdout
    (row,) = json.loads(run("rejected", "-f", "json").stdout)
    assert (row["file"], row["line"]) == ("bad.jsonl", 1)
    assert "\\xff" in row["raw"]
    (folder / "good.jsonl").write_bytes(bad.replace(b"-30", b"-29").rstrip(b"\xff").replace(b"\x1b", b""))
    assert " 1 events appended" in run("pull", "good.jsonl").stdout
    assert "1 rejected lines forgotten" in run("rejected", "--clear").stderr
    assert json.loads(run("rejected", "-f", "json").stdout) == []


def test_rejected_lines_are_offered_again(run: Run, folder: Path) -> None:
    """--rejected offers the lines of a source again under a mended mapping."""
    write(folder / "odd.jsonl", {"event_id": "1", "who": "a", "type": "T", "occurred_at": "2024-01-01"})
    assert "1 lines rejected" in run("pull", "odd.jsonl").stdout
    assert " 1 events appended" in run("pull", "--rejected", "--stream", "who", "odd.jsonl").stdout
    assert json.loads(run("rejected", "-f", "json").stdout) == []


def test_offering_again_names_the_sources_that_have_some(run: Run, folder: Path) -> None:
    """A source without rejected lines is told which ones have them."""
    write(folder / "odd.jsonl", "{nothing")
    run("pull", "odd.jsonl")
    assert "odd.jsonl" in run("pull", "--rejected", "raw/a.jsonl").stderr


def test_a_mapping_by_options(run: Run, folder: Path) -> None:
    """Every part of an event can be found under another name, and constants stand for all lines."""
    write(
        folder / "mapped.jsonl",
        {
            "meta": {"id": 7},
            "user": "u",
            "ts": 1704067200,
            "seen": 1704070800,
            "n": 3,
            "body": {"a": 1},
            "about": {"b": 2},
        },
    )
    options = {
        "--event-id": "meta.id",
        "--stream": "user",
        "--occurred-at": "ts",
        "--recorded-at": "seen",
        "--version": "n",
        "--data": "body",
        "--metadata": "about",
        "--constant": "type=Seen",
        "--unit": "s",
    }
    run("pull", "mapped.jsonl", *(part for option in options.items() for part in option))
    (row,) = es.Log(folder / "data" / "log").scan().collect().to_dicts()
    assert (row["event_id"], row["stream"], row["type"], row["version"]) == ("7", "u", "Seen", 3)
    assert (f"{row['occurred_at']:%H:%M}", f"{row['recorded_at']:%H:%M}") == ("00:00", "01:00")
    assert (row["data"], row["metadata"]) == ('{"a": 1}', '{"b": 2}')


def test_a_mapping_by_the_project(run: Run, folder: Path) -> None:
    """A table in the project's file says the same once and for all; its zone is that of the source."""
    (folder / "pyproject.toml").write_text(
        '[tool.eventsource.source]\npath = ["raw/*.csv"]\nevent_id = "nr"\nstream = "who"\n'
        'type = "what"\noccurred_at = "at"\ntz = "Europe/Warsaw"\n'
    )
    (folder / "raw" / "x.csv").write_text("nr,who,what,at,n\n1,a,T,2024-07-01 00:00:00,5\n")
    run("pull")
    (row,) = es.Log(folder / "data" / "log").scan().collect().to_dicts()
    assert (row["event_id"], f"{row['occurred_at']:%m-%d %H:%M}") == ("1", "06-30 22:00")


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("pull", "nothing/*.jsonl"), 3),
        (("pull", "nothing.jsonl"), 3),
        (("pull", "kafka://host/topic"), 2),
        (("pull", "--unit", "h", "raw/a.jsonl"), 2),
        (("pull", "--format", "xml", "raw/a.jsonl"), 2),
        (("pull", "--tz", "Mars/Olympus", "raw/a.jsonl"), 2),
        (("pull", "--constant", "type", "raw/a.jsonl"), 2),
        (("pull", "--constant", "nothing=1", "raw/a.jsonl"), 2),
        (("rejected",), 3),
        (("check",), 3),
        (("as-of",), 3),
        (("as-of", "--log", "raw"), 3),
        (("dump", "ada"), 3),
    ],
)
def test_exit_codes_without_a_log(run: Run, args: tuple[str, ...], code: int) -> None:
    """3: nothing is there; 2: it cannot be meant."""
    result = run(*args, code=code)
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")


def test_no_source_is_wrong_usage(run: Run, folder: Path) -> None:
    """Where neither the command nor the project names a source, the message says how."""
    (folder / "pyproject.toml").unlink()
    assert "tool.eventsource" in run("pull", code=2).stderr


def test_a_dump_is_taken_back(pulled: Run, folder: Path) -> None:
    """A dump, pulled into another log, gives the same answers about this entity."""
    for entity, model in (("ada", "models:Customer"), ("71", "models:Ticket")):
        pulled("dump", entity, "-m", model, "-o", f"{entity}.jsonl")
        pulled("pull", f"{entity}.jsonl", "--log", f"log-{entity}")
        ask = ("history", entity, "-m", model, "-f", "json")
        assert pulled(*ask, "--log", f"log-{entity}").stdout == pulled(*ask).stdout


def test_a_log_named_by_an_option(pulled: Run, folder: Path) -> None:
    """--log wins over the project."""
    assert "1 events" not in pulled("check").stdout
    write(folder / "one.jsonl", event(1, "a", "Created", "2024-01-01"))
    pulled("pull", "one.jsonl", "--log", "other")
    assert "other: 1 events in 1 streams" in pulled("check", "--log", "other").stdout
