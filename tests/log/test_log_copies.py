"""Rejected lines and conflicts of files: where they are; and a file that was moved or copied is listed once."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import eventsource as es
from tests.sources.sourcekit import line, write

ROWS = [{"id": "1", "stream": "s", "type": kind, "occurred_at": "2024-01-01", "x": "[1]"} for kind in "ABA"]
BROKEN = b'{"event_id":'
WITHOUT_ID = line(2).replace(b'"event_id"', b'"no"')


def _listed(log: es.Log) -> list[tuple[str, int]]:
    rows = log.rejected().select("file", "line").sort("file", "line").rows()
    return [(Path(file).name, number) for file, number in rows]


def _as_lines(path: Path) -> None:
    write(path, *(json.dumps(row).encode() for row in ROWS))


def _as_document(path: Path) -> None:
    path.write_text(json.dumps(ROWS, indent=1))


def _as_table(path: Path) -> None:
    pl.DataFrame(ROWS).write_csv(path)


def _as_table_with_line_breaks(path: Path) -> None:
    pl.DataFrame([row | {"x": "a\nb"} for row in ROWS]).write_csv(path)


def _as_parquet(path: Path) -> None:
    pl.DataFrame(ROWS).write_parquet(path)


@pytest.mark.parametrize(
    ("name", "make", "number", "options"),
    [
        ("a.jsonl", _as_lines, 2, {}),
        ("a.jsonl", _as_lines, 2, {"explode": "x"}),
        ("a.json", _as_document, 2, {}),
        ("a.csv", _as_table, 3, {}),
        ("a.csv", _as_table_with_line_breaks, 4, {}),
        ("a.parquet", _as_parquet, 2, {}),
    ],
)
def test_a_conflict_says_where_it_is(
    tmp_path: Path, name: str, make: Callable[[Path], None], number: int, options: Any
) -> None:
    """With its file and the number of its line, row or record, whichever way the file is decoded."""
    make(tmp_path / name)
    log = es.Log(tmp_path / "log")
    pulled = log.pull(es.source(tmp_path / name, **options))
    assert (pulled.appended, pulled.duplicates, pulled.conflicts, pulled.rejected) == (1, 2, 1, 0)
    assert _listed(log) == [(name, number)]
    assert pulled.reasons.select("reason", "lines", "first").rows() == [
        ("conflict: event_id '1' came before with other type", 1, number)
    ]


def test_conflicts_have_one_group_per_cause(tmp_path: Path) -> None:
    """The cause of a conflict is which columns differ, and not which id."""
    again = [line(n, type="Z") for n in range(9)] + [line(n, stream="Z") for n in range(3)]
    path = write(tmp_path / "a.jsonl", *map(line, range(9)), *again)
    reasons = es.Log(tmp_path / "log").pull(es.source(path)).reasons
    assert reasons.select("lines", "first").rows() == [(9, 10), (3, 19)]
    assert reasons["reason"].str.contains("'e0' came before with other").all()


def test_a_corrected_file_is_not_in_conflict_any_more(tmp_path: Path) -> None:
    """If it is read again from its start, earlier conflicts of its lines are outdated, too."""
    path, log = tmp_path / "a.jsonl", es.Log(tmp_path / "log")
    write(path, line(1), line(1, type="Z"))
    log.pull(es.source(path))
    assert _listed(log) == [("a.jsonl", 2)]
    write(path, line(1), line(2, type="Z"))
    assert log.pull(es.source(path)).appended == 1
    assert log.rejected().is_empty()


@pytest.mark.parametrize("how", [shutil.move, shutil.copy])
@pytest.mark.parametrize("more", [[], [line(3), BROKEN]])
def test_a_moved_or_copied_file_is_listed_once(tmp_path: Path, how: Callable[..., Any], more: list[bytes]) -> None:
    """Under the name that was read last, also if the file has grown; its conflicts, too."""
    old, new, log = tmp_path / "a.jsonl", tmp_path / "b.jsonl", es.Log(tmp_path / "log")
    write(old, line(1), BROKEN, line(1, type="Z"), line(2))
    log.pull(es.source(tmp_path))
    assert _listed(log) == [("a.jsonl", 2), ("a.jsonl", 3)]
    how(old, new)
    write(new, line(1), BROKEN, line(1, type="Z"), line(2), *more)
    for _ in range(2):
        log.pull(es.source(new), again=True)
        assert _listed(log) == [("b.jsonl", 2), ("b.jsonl", 3), *([("b.jsonl", 6)] if more else [])]


def test_copies_in_one_pull_are_listed_once(tmp_path: Path) -> None:
    """Of three copies one remains."""
    for name in "abc":
        write(tmp_path / f"{name}.jsonl", line(1), BROKEN, line(2))
    log = es.Log(tmp_path / "log")
    assert log.pull(es.source(tmp_path)).rejected == 3
    assert len(_listed(log)) == 1


def test_a_copy_without_any_event_is_listed_once(tmp_path: Path) -> None:
    """Such as one that was read with a wrong mapping."""
    old, log = write(tmp_path / "a.jsonl", BROKEN, WITHOUT_ID), es.Log(tmp_path / "log")
    log.pull(es.source(old))
    log.pull(es.source(old.rename(tmp_path / "b.jsonl")))
    assert _listed(log) == [("b.jsonl", 1), ("b.jsonl", 2)]


@pytest.mark.parametrize(
    "other",
    [
        [BROKEN, line(3)],  # the same first line, such as a comment, and events of its own
        [BROKEN],
        [line(1), line(3), BROKEN],  # new events before it
        [line(1), WITHOUT_ID, BROKEN],  # not all of the rejected lines are there
        [line(2), BROKEN],  # at another line
    ],
)
def test_other_files_with_an_equal_line_are_listed(tmp_path: Path, other: list[bytes]) -> None:
    """Equal bytes at an equal line alone do not make a copy."""
    write(tmp_path / "a.jsonl", BROKEN, line(1), BROKEN, line(2))
    log = es.Log(tmp_path / "log")
    log.pull(es.source(tmp_path))
    write(tmp_path / "b.jsonl", *other)
    rejected = log.pull(es.source(tmp_path)).rejected
    assert rejected > 0
    assert len(_listed(log)) == 2 + rejected
