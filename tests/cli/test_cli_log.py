"""The commands `pull` and `rejected`: what they print, what they commit, and their exit codes."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import eventsource as es
from eventsource.cli import app
from tests.cli.shoplog import event, lines

Run = Callable[..., Result]


def write(path: Path, *rows: object) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))


def head(folder: Path) -> int:
    return es.Log(folder / "data" / "log").head


def test_a_pull_appends_new_events(run: Run, folder: Path) -> None:
    """The first pull appends all events, the second none, the third one those that were added to the file."""
    total = lines().count("\n")
    assert f"{total} events appended" in run("pull").stdout
    assert " 0 events appended" in run("pull").stdout
    with (folder / "raw" / "a.jsonl").open("a") as file:
        file.write(json.dumps(event(900, "eve", "Created", "2024-05-01")) + "\n")
    assert " 1 event appended" in run("pull").stdout
    assert head(folder) == total + 1


def test_a_pull_from_a_folder_below(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pull in a folder below finds the project, and resumes the same source."""
    run("pull")
    (folder / "notebooks").mkdir()
    monkeypatch.chdir(folder / "notebooks")
    result = run("pull")
    assert " 0 events appended" in result.stdout
    assert "duplicates" not in result.stdout
    assert run("as-of", "-e", "ada").stdout.count("\n") == 2


def test_each_named_file_has_its_own_checkpoint(run: Run, folder: Path) -> None:
    """Files named one by one are not read again when another file is named with them."""
    write(folder / "one.jsonl", event(1, "a", "Created", "2024-01-01"))
    write(folder / "two.jsonl", event(2, "b", "Created", "2024-01-01"))
    run("pull", "one.jsonl")
    result = run("pull", "one.jsonl", "two.jsonl")
    assert " 1 event appended" in result.stdout
    assert "duplicates" not in result.stdout


def test_the_summary_counts_what_was_not_appended(run: Run, folder: Path) -> None:
    """The summary counts duplicates, conflicts and rejected lines, and names the command to list them."""
    good = event(1, "a", "Created", "2024-01-01")
    write(
        folder / "bad.jsonl",
        good,
        good,
        good | {"type": "Other"},
        "{nothing",
        good | {"event_id": "x", "stream": None},
    )
    out = run("pull", "bad.jsonl", code=1).stdout
    for text in (
        "1 event appended",
        "1 duplicate dropped",
        "1 conflict ",
        "2 lines rejected",
        "bad.jsonl:4: not JSON",
    ):
        assert text in out
    assert "bad.jsonl:5: stream is missing" in out
    assert "eventsource rejected" in out
    (folder / "other.jsonl").write_text("{nothing")
    run("pull", "other.jsonl", "--allow-rejected")


def test_strict_appends_all_or_nothing(run: Run, folder: Path) -> None:
    """With --strict one bad line in any of the sources is exit code 1, and nothing is committed."""
    write(folder / "good.jsonl", event(1, "a", "Created", "2024-01-01"))
    write(folder / "bad.jsonl", "{nothing")
    result = run("pull", "--strict", "good.jsonl", "bad.jsonl", code=1)
    assert "bad.jsonl:1: not JSON" in result.stderr
    assert head(folder) == 0
    run("pull", "--strict", "good.jsonl")
    assert head(folder) == 1


def test_rejected_lines_can_be_corrected_and_pulled(run: Run, folder: Path) -> None:
    """--raw writes the exact bytes; a corrected line can be pulled, and --clear forgets the others."""
    bad = (
        '{"event_id":"x","stream":"a","type":"T","occurred_at":"2024-02-30","data":{"n":"ü\x1b[2J"}}'.encode()
        + b"\xff"
    )
    (folder / "bad.jsonl").write_bytes(bad + b"\n")
    run("pull", "bad.jsonl", code=1)
    assert run("rejected", "--raw").stdout_bytes == bad + b"\n"
    shown = run("rejected", "-f", "table")
    assert "\x1b" not in shown.stdout
    (row,) = json.loads(run("rejected", "-f", "json").stdout)
    assert (row["file"], row["line"]) == ("bad.jsonl", 1)
    assert "\\xff" in row["raw"]
    (folder / "good.jsonl").write_bytes(bad.replace(b"-30", b"-29").rstrip(b"\xff").replace(b"\x1b", b""))
    assert " 1 event appended" in run("pull", "good.jsonl").stdout
    assert "1 rejected line forgotten" in run("rejected", "--clear").stderr
    assert json.loads(run("rejected", "-f", "json").stdout) == []


def test_rejected_lines_are_read_again(run: Run, folder: Path) -> None:
    """--rejected reads the rejected lines of a source again with a corrected mapping."""
    write(folder / "odd.jsonl", {"event_id": "1", "who": "a", "type": "T", "occurred_at": "2024-01-01"})
    assert "1 line rejected" in run("pull", "odd.jsonl", code=1).stdout
    assert " 1 event appended" in run("pull", "--rejected", "--stream", "who", "odd.jsonl").stdout
    assert json.loads(run("rejected", "-f", "json").stdout) == []


def test_reading_again_names_other_sources_with_rejected_lines(run: Run, folder: Path) -> None:
    """If a source has no rejected lines, a note names the sources that have some."""
    write(folder / "odd.jsonl", "{nothing")
    run("pull", "odd.jsonl", code=1)
    assert "odd.jsonl" in run("pull", "--rejected", "raw/a.jsonl").stderr


def test_a_mapping_by_options(run: Run, folder: Path) -> None:
    """Options map every column to a member of another name, or to a constant."""
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
    """A table in pyproject.toml holds the mapping and the time zone of the source."""
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
        (("pull", "gopher://host/topic"), 2),
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
    """3: the file or log does not exist; 2: an option is invalid."""
    result = run(*args, code=code)
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")


def test_no_source_is_wrong_usage(run: Run, folder: Path) -> None:
    """Without a source in the command and the project, the message says how to name one."""
    (folder / "pyproject.toml").unlink()
    assert "tool.eventsource" in run("pull", code=2).stderr


def test_a_dump_can_be_pulled(pulled: Run, folder: Path) -> None:
    """A dump, pulled into another log, gives the same answers about this entity."""
    for entity, model in (("ada", "models:Customer"), ("71", "models:Ticket")):
        pulled("dump", entity, "-m", model, "-o", f"{entity}.jsonl")
        pulled("pull", f"{entity}.jsonl", "--log", f"log-{entity}")
        ask = ("history", entity, "-m", model, "-f", "json")
        assert pulled(*ask, "--log", f"log-{entity}").stdout == pulled(*ask).stdout


def test_a_log_named_by_an_option(pulled: Run, folder: Path) -> None:
    """--log overrides the log of the project."""
    assert "1 events" not in pulled("check").stdout
    write(folder / "one.jsonl", event(1, "a", "Created", "2024-01-01"))
    pulled("pull", "one.jsonl", "--log", "other")
    assert "other: 1 event in 1 stream" in pulled("check", "--log", "other").stdout


@pytest.mark.parametrize(
    ("name", "text", "advice"),
    [
        ("a.csv", "id;who;what\n1;a;B\n", "the lines have id, who, what; name the members"),
        ("b.json", '[\n{"id": 1}\n]\n', "the lines have id; name the members of the event"),
        ("b.jsonl", '[\n{"id": 1}\n]\n', "eventsource pull --format json b.jsonl"),
        ("c.csv", "id,who,what,when\n1,a,B,2024-01-01\n", "--stream NAME --type NAME --occurred-at NAME"),
        (
            "d.jsonl",
            '{"user_id": "a", "type": "B"}\n',
            "eventsource pull --rejected --event-id user_id --stream NAME",
        ),
        ("e.jsonl", '{"a": 1, "no_id": 7}\n{"a": 1, "no_id": 8}\n', "no_id is unique in 2 lines"),
        ("f.csv", "a;b\n1;2\n1;2\n", "none of them is unique in 2 lines, so each line is its own event (@line)"),
    ],
)
def test_a_pull_that_appends_nothing_gives_advice(
    run: Run, folder: Path, name: str, text: str, advice: str
) -> None:
    """A pull that rejects all lines of a file fails, and the hint says how to read such lines."""
    (folder / name).write_text(text)
    assert advice in run("pull", name, code=1).stderr


def test_the_advice_works(run: Run, folder: Path) -> None:
    """A file whose lines were all rejected is read again by itself when the mapping has changed."""
    (folder / "c.csv").write_text("id,who,what,when\n1,a,B,2024-01-01\n")
    mapping = ("--event-id", "id", "--stream", "who", "--type", "what", "--occurred-at", "when")
    assert "--rejected" in run("pull", "c.csv", "--log", "other", code=1).stderr
    assert "1 event appended" in run("pull", "c.csv", "--log", "other", *mapping).stdout
    assert es.Log(folder / "other").rejected().is_empty()


def test_a_changed_mapping_is_noticed(run: Run, folder: Path) -> None:
    """New lines are read with it; the events of old lines stay, unless the file is read from its start."""
    path = folder / "c.csv"
    path.write_text("id,who,what,when\n1,a,B,2024-01-01\n")
    mapping = ("--event-id", "id", "--stream", "who", "--type", "what", "--occurred-at", "when")
    run("pull", "c.csv", *mapping)
    other = (*mapping[:2], "--stream", "what", *mapping[4:])
    said = "1 file was read before with another mapping"
    assert said not in run("pull", "c.csv", *mapping).stdout
    assert said in run("pull", "c.csv", *other).stdout
    path.write_text(path.read_text() + "2,a,B,2024-01-02\n")
    assert said in run("pull", "c.csv", *other).stdout
    again = run("pull", "c.csv", *other, "--again", code=1).stdout
    assert "1 conflict rejected" in again
    assert "Events that the log has stay as they are" in run("pull", "c.csv", *mapping).stdout
    assert es.Log(folder / "data" / "log").scan().collect().sort("position")["stream"].to_list() == ["a", "B"]
    assert said not in run("pull", "c.csv", *other).stdout


def test_one_group_per_cause(run: Run, folder: Path) -> None:
    """Reasons that differ only in the value are one line of the summary."""
    write(folder / "bad.jsonl", *(event(n, "a", "T", f"day {n}") for n in range(7)), *(["{nothing"] * 3))
    out = run("pull", "bad.jsonl", code=1).stdout
    assert 'bad.jsonl:1: occurred_at is not a time: "day 0" (first of 7 such lines)' in out.replace("\n", " ")
    assert "bad.jsonl:8: not JSON: " in out
    assert "more" not in out


def test_a_log_inside_a_source_folder_is_not_read(run: Run, folder: Path) -> None:
    """A folder or glob that contains a log gives the raw files only, not the files of the log."""
    run("pull", "raw", "--log", "raw/log")
    head = es.Log(folder / "raw" / "log").head
    for where in ("raw", "raw/**/*"):
        assert "raw/log is a log: its own files are skipped" in run("pull", where, "--log", "raw/log").stdout
        assert es.Log(folder / "raw" / "log").head == head
        assert es.Log(folder / "raw" / "log").rejected().is_empty()


def test_earlier_rejections_are_not_forgotten(run: Run, folder: Path) -> None:
    """A pull without rejected lines still names the rejected lines of earlier pulls."""
    with (folder / "raw" / "a.jsonl").open("a") as raw:
        raw.write("no JSON\n")
    assert "1 line rejected" in run("pull", code=1).stdout
    assert "1 rejected line of earlier pulls: eventsource rejected" in run("pull").stdout


def test_rejected_rows_of_csv_have_their_header(run: Run, folder: Path) -> None:
    """--raw writes rows of CSV below the header of their file, so that they can be corrected and pulled."""
    head = "id,stream,type,occurred_at"
    for name in ("a", "b"):
        (folder / f"{name}.csv").write_text(f"\ufeff{head}\n{name},a,T,2024-01-01\n{name}2,a,T,yesterday\n")
    run("pull", "a.csv", "b.csv", code=1)
    raw = run("rejected", "--raw").stdout
    assert raw == f"{head}\na2,a,T,yesterday\nb2,a,T,yesterday\n"
    (folder / "corrected.csv").write_text(raw.replace("yesterday", "2024-01-02"))
    assert " 2 events appended" in run("pull", "corrected.csv").stdout
    (folder / "a.csv").unlink()
    assert run("rejected", "--raw").stdout.startswith("a2")


def test_rejected_rows_keep_the_encoding_of_their_file(run: Run, folder: Path) -> None:
    """--raw writes the bytes of the file, so that the corrected lines are pulled with the same options."""
    head, good, bad = "größe;stream;type;occurred_at", "1;José;T;2024-01-01", "2;Zoë €;T;gestern"
    (folder / "a.csv").write_bytes(f"{head}\n{good}\n{bad}\n".encode("cp1252"))
    mapping = ("--encoding", "cp1252", "--event-id", "größe")
    assert " 1 event appended" in run("pull", "a.csv", *mapping, code=1).stdout
    raw = run("rejected", "--raw").stdout_bytes
    assert raw == f"{head}\n{bad}\n".encode("cp1252")
    assert run("pull", "--rejected", "a.csv", *mapping, code=1).stdout.count("not a time") == 1
    assert run("rejected", "--raw").stdout_bytes == raw
    (folder / "corrected.csv").write_bytes(raw.replace(b"gestern", b"2024-01-02"))
    assert " 1 event appended" in run("pull", "corrected.csv", *mapping).stdout
    assert "Zoë €" in es.Log(folder / "data" / "log").scan().collect()["stream"].to_list()


def test_rejected_bytes_that_an_encoding_lacks_come_out_as_they_were(run: Run, folder: Path) -> None:
    """cp1252 has no character for 0x81; the lines are read again with another encoding."""
    rows = b"id;stream;type;occurred_at\n1;\x81\xe9;T;2024-01-01\n"
    (folder / "a.csv").write_bytes(rows)
    run("pull", "a.csv", "--encoding", "cp1252", code=1)
    assert run("rejected", "--raw").stdout_bytes == rows
    assert " 1 event appended" in run("pull", "--rejected", "a.csv", "--encoding", "latin-1").stdout


def test_raw_rows_of_a_file_without_a_header(run: Run, folder: Path) -> None:
    """Its first row is not written above the others; conflicts are left out, and a note says so."""
    (folder / "a.csv").write_text("1,a,T,soon\n2,a,T,2024-01-01\n2,b,T,2024-01-01\n")
    run("pull", "a.csv", "--columns", "id,stream,type,occurred_at", code=1)
    found = run("rejected", "--raw")
    assert (found.stdout, "1 conflict left out" in found.stderr) == ("1,a,T,soon\n", True)


def test_several_sources_of_a_project(run: Run, folder: Path) -> None:
    """Each has its mapping; `pull` takes all of them, or those that are named, from any folder of the project."""
    (folder / "pyproject.toml").write_text(
        '[tool.eventsource]\ntz = "Europe/Warsaw"\n'
        '[[tool.eventsource.source]]\nname = "orders"\npath = "orders.csv"\nstream = "id"\n'
        'event_id = ["id", "@type"]\n'
        'events = [{type = "Ordered", occurred_at = "ordered"}, {type = "Shipped", occurred_at = "shipped"}]\n'
        '[[tool.eventsource.source]]\nname = "audit"\npath = "audit.json"\nrecords = "rows"\nevent_id = "@line"\n'
        'constants = {type = "Seen"}\nstream = "who"\noccurred_at = "at"\n'
    )
    (folder / "orders.csv").write_text("id;ordered;shipped\n1;2024-01-01 00:30:00;\n2;2024-01-02;2024-01-03\n")
    (folder / "audit.json").write_text('{"rows": [{"who": "a", "at": "2024-01-01"}]}')
    assert "3 events appended" in run("pull", "orders").stdout
    assert "1 event appended" in run("pull").stdout
    assert "the project's sources are orders, audit" in run("pull", "order", code=3).stderr
    log = es.Log(folder / "data" / "log")
    first = log.scan().sort("position").select("event_id", "occurred_at").collect().row(0)
    assert (first[0], first[1].isoformat()) == ("1:Ordered", "2023-12-31T23:30:00+00:00")
    for text in ('name = 5\npath = "a"', 'path = "a"\n[[tool.eventsource.source]]\npath = "b"'):
        (folder / "pyproject.toml").write_text(f"[[tool.eventsource.source]]\n{text}\n")
        assert "name" in run("pull", code=2).stderr


def test_a_mapping_on_the_command_line(run: Run, folder: Path) -> None:
    """Ids of several parts, events of wide rows and the dialect of CSV have the names of the arguments."""
    (folder / "a.txt").write_bytes("1|Zoë|2024-01-01|2024-01-05|1,5\n".encode("cp1252"))
    options = (
        "--columns",
        "id,who,ordered,shipped,price",
        "--encoding",
        "cp1252",
        "--decimal",
        ",",
        "--stream",
        "who",
    )
    events = (
        "--events",
        "Ordered=ordered",
        "--events",
        "Shipped=shipped",
        "--event-id",
        "id",
        "--event-id",
        "@type",
    )
    result = run("pull", "a.txt", *options, *events)
    assert "2 events appended" in result.stdout
    assert "cells are separated by '|'" in result.stdout
    found = es.Log(folder / "data" / "log").scan().collect()
    assert found.select("event_id", "stream").rows() == [("1:Ordered", "Zoë"), ("1:Shipped", "Zoë")]
    assert found["data"][0] == '{"id":"1","price":"1.5"}'
    assert "expected NAME=TEXT" in run("pull", "a.txt", "--events", "Ordered", code=2).stderr


def test_ids_of_something_else_are_refused(run: Run, folder: Path) -> None:
    """Many different events with few ids: nothing is committed unless the user says so; duplicates are fine."""
    rows = [event(n % 3, "a", "Seen", "2024-01-01", n=n) for n in range(30)]
    write(folder / "a.jsonl", *rows)
    result = run("pull", "a.jsonl", code=1)
    assert "30 different events have only 3 ids; nothing was committed" in result.stderr
    assert "--allow-repeated-ids" in result.stderr
    assert "3 events appended" in run("pull", "a.jsonl", "--allow-repeated-ids", "--allow-rejected").stdout
    write(folder / "b.jsonl", *([event(99, "a", "Seen", "2024-01-01")] * 30))
    assert "29 duplicates dropped" in run("pull", "b.jsonl").stdout


def test_a_pull_builds_the_index_of_the_projects_model(run: Run, folder: Path) -> None:
    """A large log has its index after the pull, so that the first question adds nothing; --no-index leaves it."""
    name, stream, at = "Created", "s{}", "2024-01-01T00:00:00Z"
    rows = [event(number, stream.format(number % 50), name, at, name="x") for number in range(1000, 21_100)]
    write(folder / "raw" / "b.jsonl", *rows)
    assert "index" not in run("pull", "--no-index").stdout
    assert not (folder / "data" / "log" / "index").exists()
    write(folder / "raw" / "c.jsonl", event(99_001, "s1", "Bought", "2024-03-01"))
    assert "index of models:Customer" in run("pull").stdout
    [manifest] = (folder / "data" / "log" / "index").glob("*/manifest.json")
    before = manifest.stat().st_mtime_ns
    assert json.loads(manifest.read_text())["head"] == head(folder)
    assert run("as-of", "-e", "s1", "--format", "csv").stdout.count("\n") == 2
    assert manifest.stat().st_mtime_ns == before
    assert "index" not in run("pull").stdout


@pytest.mark.parametrize(
    ("models", "says"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError"),
        ("class Other: ...", "unknown model 'Customer'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("class Customer(:", "SyntaxError"),
    ],
)
def test_a_broken_model_does_not_keep_a_pull_from_committing(
    run: Run, folder: Path, models: str, says: str
) -> None:
    """The events are in the log, the exit code is that of the pull, and a warning says what is wrong."""
    (folder / "models.py").write_text(models)
    result = run("pull")
    assert head(folder) == lines().count("\n")
    assert "Warning: the events are in the log, but the index of models:Customer was not updated" in result.stderr
    assert says in result.stderr
    write(folder / "raw" / "c.jsonl", event(900, "eve", "Created", "2024-05-01"))
    assert "Warning" not in run("pull", "--no-index").stderr


@pytest.mark.parametrize("path", ['"raw/*.csv"', '"raw"', '["x.jsonl", "raw/x.csv"]'])
def test_a_typed_path_has_the_mapping_of_its_source(run: Run, folder: Path, path: str) -> None:
    """A file that belongs to a source of the project is read with its mapping; options take precedence."""
    (folder / "pyproject.toml").write_text(
        '[tool.eventsource]\nlog = "log"\n'
        f'[[tool.eventsource.source]]\nname = "a"\npath = {path}\nevent_id = "nr"\n'
        '[[tool.eventsource.source]]\nname = "b"\npath = "other"\nevent_id = "type"\n'
    )
    (folder / "raw" / "x.csv").write_text("nr,stream,type,occurred_at\n1,a,T,2024-07-01\n")
    run("pull", "raw/x.csv")
    run("pull", "raw/x.csv", "--event-id", "{nr}!", "--log", "other_log")
    for name, expected in (("log", "1"), ("other_log", "1!")):
        assert es.Log(folder / name).scan().collect()["event_id"].to_list() == [expected]


def test_advice_names_what_is_not_mapped_yet(run: Run, folder: Path) -> None:
    """Columns that the command maps are not asked for again."""
    write(folder / "odd.jsonl", {"nr": "1", "who": "a", "what": "T", "at": "2024-01-01"})
    hint = run("pull", "odd.jsonl", "--stream", "who", "--constant", "type=T", code=1).stderr
    assert "--event-id" in hint
    assert "--occurred-at NAME" in hint
    assert "--stream" not in hint
    assert "--type" not in hint


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("a", b"id,stream\n1,a\n", "--format csv"),
        ("a.log", b'{"id": 1}\n', "--format jsonl"),
        ("a.xml", b"<log><trace/></log>", "--format xes"),
        ("a.xlsx", b"PK\x03\x04", "save its sheet as CSV"),
        ("a.db", b"SQLite format 3\0", "sqlite:///"),
        ("a.bin", b"\0\1\2", "--format jsonl"),
        ("b.xes", b"id;stream\n1;a\n", "--format csv"),
        ("b.jsonl", b'{"id":1}{"id":2}\n', "--format json"),
        ("b.json", b'{"items": [{"id": 1}, {"id": 2}]}', "--records items"),
        ("c.csv", "größe;x\n1;2\n".encode("cp1252"), "--encoding cp1252"),
        ("d.jsonl", '{"id": 1}\n{"id": 2}\n'.encode("utf-16-le"), "--encoding utf-16-le"),
        ("e.jsonl", '{"id": 1}\n{"id": 2}\n'.encode("utf-16-be"), "--encoding utf-16-be"),
    ],
)
def test_hints_fit_the_content_of_a_file(run: Run, folder: Path, name: str, content: bytes, hint: str) -> None:
    """And they name options of the command line."""
    (folder / name).write_bytes(content)
    result = CliRunner().invoke(app, ["pull", name], prog_name="eventsource")
    assert result.exit_code in (1, 3)
    assert hint in result.stderr
    assert 'format="' not in result.stderr


def test_hints_are_about_most_lines(run: Run, folder: Path) -> None:
    """A damaged line among good ones does not mean to read the whole file in another way."""
    good = [event(n, "Zürich", "Seen", "2024-01-01") for n in range(9)]
    lines = [json.dumps(each, ensure_ascii=False).encode() for each in good]
    (folder / "a.jsonl").write_bytes(b"\n".join([*lines[:5], lines[5].replace(b"\xc3", b"\xe9"), *lines[6:], b""]))
    assert "--encoding" not in run("pull", "a.jsonl", code=1).stderr
    (folder / "z.jsonl.gz").write_bytes(gzip.compress((folder / "a.jsonl").read_bytes()))
    assert "--encoding" not in run("pull", "z.jsonl.gz", "--log", "z", code=1).stderr
    several = [*lines[:5], lines[5] + lines[6], b"{", b"[]", b"{}", *lines[7:], b""]
    (folder / "b.jsonl").write_bytes(b"\n".join(several))
    assert "--format json" not in run("pull", "b.jsonl", code=1).stderr
    no_stream = [line.replace(b'"stream"', b'"who"') for line in lines]
    (folder / "c.jsonl").write_bytes(b"\n".join([*no_stream[:8], no_stream[8].replace(b"\xc3", b"\xe9"), b""]))
    said = run("pull", "c.jsonl", code=1).stderr.replace("\n", " ")
    assert "--encoding" not in said
    assert "--stream" in said


def test_a_json_document_without_an_end_of_line_is_not_half_written(run: Run, folder: Path) -> None:
    """A whole value of JSON that is not an event is rejected at once."""
    (folder / "a.json").write_text('{"items": []}')
    assert "1 line rejected" in run("pull", "a.json", code=1).stdout
