"""CSV as people have it: other delimiters, decimal commas, no header, other encodings."""

import codecs
import json
from pathlib import Path
from typing import Any

import pytest

import eventsource as es
from eventsource.errors import SourceError
from tests.sources.sourcekit import AT, ids, read

ROWS = [
    ["id", "who", "what", "when", "price"],
    ["1", "José", "Bought", AT, "1.234,50"],
    ["2", "Ada", "Bought", AT, "7"],
]
MAPPING: dict[str, Any] = {"event_id": "id", "stream": "who", "type": "what", "occurred_at": "when"}


def _text(delimiter: str, rows: list[list[str]] = ROWS) -> str:
    def cell(text: str) -> str:
        return f'"{text}"' if delimiter in text else text

    return "".join(delimiter.join(map(cell, row)) + "\n" for row in rows)


def _payloads(batch: Any) -> list[Any]:
    return [json.loads(data) for data in batch.events["data"]]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_guessed_and_said(tmp_path: Path, delimiter: str) -> None:
    """A note names it unless it is the comma; a file that grew is read with the same one."""
    path = tmp_path / "a.csv"
    path.write_text(_text(delimiter))
    batch = read(path, decimal=",", **MAPPING)
    assert _payloads(batch) == [{"price": "1234.50"}, {"price": "7"}]
    assert (batch.notes == ()) == (delimiter == ",")
    path.write_text(_text(delimiter, [*ROWS, ["3", "Bob", "Bought", AT, "8,25"]]))
    again = read(path, dict(batch.checkpoint), decimal=",", **MAPPING)
    assert (ids(again), _payloads(again)) == (["3"], [{"price": "8.25"}])


def test_a_delimiter_that_is_named_or_in_a_first_line(tmp_path: Path) -> None:
    """The argument, or the line that Excel writes."""
    (tmp_path / "a.txt").write_text(_text("#"))
    assert ids(read(tmp_path / "a.txt", delimiter="#", **MAPPING)) == ["1", "2"]
    (tmp_path / "b.csv").write_text("sep=#\r\n" + _text("#"))
    batch = read(tmp_path / "b.csv", **MAPPING)
    assert (ids(batch), batch.notes) == (["1", "2"], ())
    (tmp_path / "b.csv").write_text("sep=#\r\n" + _text("#", [*ROWS, ["3", "x", "T", "soon", ""]]))
    again = read(tmp_path / "b.csv", dict(batch.checkpoint), **MAPPING)
    assert again.rejected["line"].to_list() == [5]
    source = es.source(str(tmp_path / "b.csv"), **(MAPPING | {"occurred_at": "id"}), unit="s")
    assert ids(source.decode(again.rejected)) == ["3"]


def test_a_file_without_a_header(tmp_path: Path) -> None:
    """The mapping names the columns; the first row is an event."""
    path = tmp_path / "a.tsv"
    path.write_text(_text("\t", ROWS[1:]))
    assert ids(read(path, columns=ROWS[0], **MAPPING)) == ["1", "2"]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16", "utf-16-le", "utf-8-sig"])
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_other_encodings(tmp_path: Path, encoding: str, name: str) -> None:
    """Named ones, and by themselves those with a byte order mark; a file that grew is read on."""
    path, lines = tmp_path / name, _text(";").splitlines(keepends=True)
    if name.endswith("jsonl"):
        lines = [json.dumps(dict(zip(ROWS[0], row, strict=True)), ensure_ascii=False) + "\n" for row in ROWS[1:]]
    path.write_bytes("".join(lines[:-1]).encode(encoding))
    named: dict[str, Any] = {} if encoding in {"utf-16", "utf-8-sig"} else {"encoding": encoding}
    batch = read(path, **named, **MAPPING)
    assert batch.events["stream"].to_list() == ["José"]
    with path.open("ab") as file:
        file.write(lines[-1].encode("utf-16-le" if encoding == "utf-16" else encoding.removesuffix("-sig")))
    assert ids(read(path, dict(batch.checkpoint), **named, **MAPPING)) == ["2"]


def test_a_wrong_encoding_rejects_the_line(tmp_path: Path) -> None:
    """Not the file; and a byte that an encoding does not have is not guessed."""
    path = tmp_path / "a.csv"
    path.write_bytes(_text(";").encode("cp1252"))
    batch = read(path, **MAPPING)
    assert (ids(batch), batch.rejected["line"].to_list()) == (["2"], [2])
    assert "not UTF-8" in batch.rejected["reason"].item()
    path.write_bytes(_text(";").encode("cp1252").replace(b"\xe9", b"\x81"))
    assert read(path, encoding="cp1252", **MAPPING).rejected["line"].to_list() == [2]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1.234,50", "1234.50"),
        ("-7,5", "-7.5"),
        ("1.234", "1234"),
        ("1 234,5", "1234.5"),
        ("007", "007"),
        ("31.12.2024", "31.12.2024"),
        ("90 210", "90 210"),
        ("1,2,3", "1,2,3"),
        ("12,5 kg", "12,5 kg"),
        ("1.5", "1.5"),
        ("  ", None),
    ],
)
def test_decimal_commas(tmp_path: Path, cell: str, value: str | None) -> None:
    """Numbers with a decimal comma get a point; other cells stay, and blank ones are absent."""
    (tmp_path / "a.csv").write_text(_text(";", [ROWS[0], ["1", "Ada", "Bought", AT, cell]]))
    assert _payloads(read(tmp_path / "a.csv", decimal=",", **MAPPING)) == [
        {} if value is None else {"price": value}
    ]


def test_a_column_without_a_name(tmp_path: Path) -> None:
    """Is called ``""``, as the index column that pandas writes."""
    (tmp_path / "a.csv").write_text(f",who,what,when\n0,Ada,Bought,{AT}\n1,Bob,Bought,{AT}\n")
    assert ids(read(tmp_path / "a.csv", **(MAPPING | {"event_id": ""}))) == ["0", "1"]


def test_a_text_file_may_hold_json(tmp_path: Path) -> None:
    """Its first character decides. A folder is not searched for text files, as they may be anything."""
    (tmp_path / "a.txt").write_bytes(
        codecs.BOM_UTF8 + b'{"id": 1, "who": "a", "what": "T", "when": "2024-01-01"}\n'
    )
    assert ids(read(tmp_path / "a.txt", **MAPPING)) == ["1"]
    with pytest.raises(SourceError, match="no file matches"):
        read(tmp_path, **MAPPING)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoding": "cp99999"}, "unknown encoding"),
        ({"delimiter": "ab"}, "one character"),
        ({"decimal": ";"}, "decimal point or comma"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    """At once, before a file is read."""
    with pytest.raises(SourceError, match=message):
        es.source("a.csv", **options)
