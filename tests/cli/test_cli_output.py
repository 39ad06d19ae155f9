"""Every format holds the whole answer, and texts of the log are never run as formulas, markup or escapes."""

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import Result

from eventsource.cli._formats import as_csv, as_json, as_markdown, as_parquet, short
from eventsource.cli._terminal import harmless
from tests.cli.shoplog import HOSTILE

Run = Callable[..., Result]
EVIL = ("as-of", "--where", "entity like 'evil%'", "-c", "entity,name")


def test_a_pipe_gets_csv(pulled: Run) -> None:
    """Without --format a pipe gets CSV: a header, times with Z, lists as JSON, null as nothing."""
    header, first, second, *_ = pulled("as-of", "2024-03-20").stdout.splitlines()
    assert header == "entity,name,premium,orders,spent,tags,last"
    assert first == 'ada,Ada,false,2,10.30,"[""a"",""b""]",2024-03-10T12:00:00.000000Z'
    assert second == "bob,,false,0,0.00,[],"


def test_csv_has_no_formulas(pulled: Run) -> None:
    """A text that a spreadsheet would run gets an apostrophe; all others stay as they are."""
    found = list(csv.DictReader(io.StringIO(pulled(*EVIL).stdout, newline="")))
    for row, name in zip(found, HOSTILE, strict=True):
        risky = name[0] in "=+-@\t\r\n"
        assert row["name"] == ("'" if risky else "") + name


def test_csv_without_the_guard(pulled: Run) -> None:
    """--no-guard writes texts as they are."""
    found = csv.DictReader(io.StringIO(pulled(*EVIL, "--no-guard").stdout, newline=""))
    assert [row["name"] for row in found] == HOSTILE


def test_numbers_are_not_guarded() -> None:
    """Only texts are guarded: a negative number stays a number, also among mixed values."""
    mixed = pl.Series("value", [-1, "-1", -1.5, None, True, ["=x"]], dtype=pl.Object)
    frame = pl.DataFrame([pl.Series("n", [-1, -2, -3, -4, -5, -6]), mixed])
    text = b"".join(as_csv(frame, guard=True)).decode()
    assert [row["value"] for row in csv.DictReader(io.StringIO(text))] == [
        "-1",
        "'-1",
        "-1.5",
        "",
        "true",
        '["=x"]',
    ]
    assert "\n-2,'-1\n" in text


def test_json_is_exact(pulled: Run) -> None:
    """JSON holds every text exactly."""
    assert [row["name"] for row in json.loads(pulled(*EVIL, "-f", "json").stdout)] == HOSTILE


def test_json_keeps_types() -> None:
    """Integers beyond 2^53 are integers, decimals texts of their digits, an empty frame an empty array."""
    frame = pl.DataFrame({"n": [2**53 + 1], "d": pl.Series(["1.10"]).cast(pl.Decimal(10, 2)), "l": [[1, None]]})
    assert b"".join(as_json(frame)) == b'[\n{"n":9007199254740993,"d":"1.10","l":[1,null]}\n]\n'
    assert json.loads(b"".join(as_json(frame.clear()))) == []


def test_markdown_is_text(pulled: Run) -> None:
    """Texts cannot end a cell or open a tag, a link or code."""
    head, rule, *body = pulled(*EVIL, "-f", "md").stdout.splitlines()
    assert (head, rule) == ("| entity | name |", "| --- | --- |")
    assert len(body) == len(HOSTILE)
    for line in body:
        assert len(re.findall(r"(?<!\\)\|", line)) == 3
        assert "<" not in line
        assert not re.search(r"(?<!\\)[\[\]`]", line)
        assert line.isprintable()


def test_markdown_shows_times_in_the_zone_of_the_project(pulled: Run, folder: Path) -> None:
    """As tables do, and a line below names it; --tz of the question takes precedence."""
    utc = pulled("explain", "ada", "-f", "md", "--columns", "at", "--tz", "UTC").stdout
    local = pulled("explain", "ada", "-f", "md", "--columns", "at", "--tz", "Asia/Tokyo").stdout
    assert utc.endswith("\nTimes are UTC.\n")
    assert local.endswith("\nTimes are Asia/Tokyo.\n")
    first, other = (datetime.fromisoformat(text.splitlines()[2].strip("| ")) for text in (utc, local))
    assert other - first == timedelta(hours=9)
    with (folder / "pyproject.toml").open("a") as file:
        file.write('tz = "Asia/Tokyo"\n')
    assert pulled("explain", "ada", "-f", "md", "--columns", "at").stdout == local
    assert "Times are" not in pulled("as-of", "-f", "md", "--columns", "entity").stdout


def test_parquet_holds_mixed_values_as_text(pulled: Run) -> None:
    """Parquet keeps dtypes; in a column of mixed values, texts stay as they are and others become JSON."""
    pulled("explain", "ada", "-o", "why.parquet")
    found = pl.read_parquet("why.parquet")
    assert found["at"].dtype == pl.Datetime("us", "UTC")
    assert dict(found.select("field", "value").iter_rows())["tags"] == '["a","b"]'
    assert dict(found.select("field", "value").iter_rows())["name"] == "Ada"


def test_parquet_in_a_pipe(pulled: Run) -> None:
    """A pipe gets the bytes of the file."""
    assert pl.read_parquet(pulled("as-of", "-f", "parquet").stdout_bytes).height == 14


def test_all_formats_take_every_dtype() -> None:
    """All formats can write durations, categories, structs, bytes and columns without a value."""
    frame = pl.DataFrame(
        {
            "took": pl.Series([90_061_000_000], dtype=pl.Duration("us")),
            "kind": pl.Series(["=a"], dtype=pl.Categorical()),
            "both": [{"a": 1, "b": "=x"}],
            "raw": [b"\xff"],
            "none": [None],
            "day": pl.Series(["2024-01-01"]).str.to_date(),
        }
    )
    text = b"".join(as_csv(frame, guard=True)).decode()
    assert text.splitlines()[1] == """P1DT3661S,'=a,"{""a"":1,""b"":""=x""}",/w==,,2024-01-01"""
    assert b"P1DT3661S" in b"".join(as_json(frame))
    assert b"P1DT3661S" in b"".join(as_markdown(frame))
    assert pl.read_parquet(b"".join(as_parquet(frame))).height == 1


def test_an_empty_text_differs_from_null() -> None:
    """CSV writes an empty text in quotes, and null as nothing."""
    assert b"".join(as_csv(pl.DataFrame({"a": ["", None]}), guard=True)) == b'a\n""\n\n'


def test_a_table_shows_every_text_harmless(pulled: Run) -> None:
    """Control characters and markup are shown as visible signs."""
    out = pulled(*EVIL, "-f", "table").stdout
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", out)
    assert "␛[31mred␛[0m" in out
    assert "[red]markup[/red]" in out


def test_a_table_says_what_it_does_not_show(pulled: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines below the table name rows beyond the limit and columns without room."""
    monkeypatch.setenv("COLUMNS", "50")
    out = pulled("as-of", "-f", "table", "-n", "3").stdout
    assert "14 rows, of which these are the first 3" in out.replace("\n", " ")
    assert "in every row: premium false" in out
    assert "no room for: last;" in out.replace("\n", " ")
    assert max(map(len, out.splitlines())) <= 50
    assert "no room" not in pulled("as-of", "-f", "table", "-n", "0", "-c", "entity,spent,tags").stdout


def test_a_wide_single_row_is_printed_upright(pulled: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A single state that does not fit is printed as a line per field."""
    monkeypatch.setenv("COLUMNS", "40")
    out = pulled("as-of", "-e", "ada", "-f", "table").stdout
    assert [line.split()[0] for line in out.splitlines()[1:]] == [
        "entity",
        "name",
        "premium",
        "orders",
        "spent",
        "tags",
        "last",
    ]


def test_a_limit_in_other_formats_is_noted_on_stderr(pulled: Run) -> None:
    """A note on stderr says that rows are missing, and stdout holds nothing but the answer."""
    result = pulled("as-of", "-n", "2")
    assert result.stdout.count("\n") == 3
    assert "the first 2 of 14 rows" in result.stderr


def test_the_ending_of_the_output_decides(pulled: Run, folder: Path) -> None:
    """--output writes the format of the file's ending, and nothing to stdout."""
    for ending, begin in {
        "csv": b"entity,",
        "json": b"[",
        "md": b"| entity",
        "parquet": b"PAR1",
        "txt": b"Cust",
    }.items():
        assert pulled("as-of", "-o", f"a.{ending}").stdout == ""
        assert (folder / f"a.{ending}").read_bytes().startswith(begin)


def test_a_failed_write_leaves_nothing(pulled: Run, folder: Path) -> None:
    """If the folder does not exist there is one message, and no temporary file stays."""
    pulled("as-of", "-o", "a.csv")  # imports the model, which leaves its bytecode
    before = set(folder.iterdir())
    assert "No such file" in pulled("as-of", "-o", "nowhere/a.csv", code=1).stderr
    assert set(folder.iterdir()) == before


def test_a_failed_table_leaves_the_file_as_it_was(
    pulled: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table replaces the file as a whole, as every other format does."""
    pulled("as-of", "-o", "a.txt")
    before = {path.name: path.stat().st_size for path in folder.iterdir()}

    def fail(console: Any, *_: Any, **__: Any) -> None:
        console.print("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("eventsource.cli._table.print_table", fail)
    assert "No space left" in pulled("as-of", "-o", "a.txt", code=1).stderr
    assert {path.name: path.stat().st_size for path in folder.iterdir()} == before


def test_short_values() -> None:
    """Null is –, floats keep all digits before the point, durations are days and a clock."""
    assert [short(value) for value in (None, True, 1.50, 100.0, 2**60, 1e300, float("nan"))] == [
        "–",
        "true",
        "1.5",
        "100",
        "1152921504606846976",
        "1e+300",
        "nan",
    ]
    assert harmless("a\nb\x7f\x85", keep="\n") == "a\nb␡\\x85"


def test_a_narrow_table_says_constant_values_once(pulled: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that every row repeats takes no column of a table that is too wide; a table with room keeps it."""
    monkeypatch.setenv("COLUMNS", "70")
    narrow = pulled("history", "ada", "-f", "table").stdout.splitlines()
    assert narrow[1].startswith("in every row: name Ada")
    assert "name" not in narrow[2].split()
    monkeypatch.setenv("COLUMNS", "250")
    assert "name" in pulled("history", "ada", "-f", "table").stdout.splitlines()[1].split()


def test_rejected_lines_show_their_reasons(pulled: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In 80 columns a table of rejected lines shows file name, line and reason, before the line itself."""
    (folder / "raw" / "b.jsonl").write_text('{"event_id": "x", "stream": "s", "occurred_at": "2024-01-01"}\n')
    pulled("pull", code=1)
    monkeypatch.setenv("COLUMNS", "80")
    lines = pulled("rejected", "-f", "table").stdout.splitlines()
    assert lines[1].split()[:3] == ["file", "line", "reason"]
    assert lines[3].split()[:5] == ["b.jsonl", "1", "type", "is", "missing"]


def test_the_program_alone_prints_its_help(run: Run) -> None:
    """Without a command the help is printed, and the exit code is 0; a group of commands does the same."""
    assert run().stdout.startswith("Usage: eventsource")
    assert run("report").stdout.startswith("Usage: eventsource report")
