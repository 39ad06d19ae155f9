"""Files that grow, are rewritten, damaged, half-written or have long lines: what a later pull reads."""

import csv
import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable

import eventsource as es
from eventsource.sources._compressed import open_at
from tests.sources.sourcekit import AT, COMPRESS, all_of, ids, line, read, write

HEADER = b"id,stream,type,occurred_at,note"


def _row(number: int, note: bytes = b"x") -> bytes:
    return b"%d,s,T,2024-01-01T00:00:00Z,%s" % (number, note)


def _append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def test_line_numbers_continue_after_a_last_line_without_an_end(tmp_path: Path) -> None:
    """A whole object without an end of line becomes an event, and counts as one line when the file has grown."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(line(1) + b"\n" + line(2))
    first = read(path)
    assert (ids(first), first.notes) == (["e1", "e2"], ())
    _append(path, b"\n" + line(3) + b"\nbad\n")
    second = read(path, dict(first.checkpoint))
    assert (ids(second), second.rejected["line"].to_list(), second.notes) == (["e3"], [4], ())


@pytest.mark.parametrize(
    ("name", "lines"), [("a.jsonl", [line(1), line(2)]), ("a.csv", [HEADER, _row(1), _row(2)])]
)
def test_a_half_written_line_is_left_then_rejected_then_decoded(
    tmp_path: Path, name: str, lines: list[bytes]
) -> None:
    """It is rejected if the file has not changed until the next pull; once it is complete it becomes an event."""
    path = tmp_path / name
    path.write_bytes(b"\n".join(lines)[:-12])
    first = read(path)
    assert (first.events.height, first.rejected.height) == (1, 0)
    assert "may be half-written" in first.notes[0]
    second = read(path, dict(first.checkpoint))
    assert (second.events.height, second.rejected["line"].to_list(), second.notes) == (0, [len(lines)], ())
    checkpoint = {**first.checkpoint, **second.checkpoint}
    third = read(path, checkpoint)
    assert (third.events.height, third.rejected.height) == (0, 0)
    _append(path, lines[-1][-12:] + b"\n")
    fourth = read(path, checkpoint)
    assert (fourth.events.height, fourth.rejected.height) == (1, 0)


def test_the_last_line_of_a_compressed_file_is_rejected_at_once(tmp_path: Path) -> None:
    """A writer appends to a compressed file only in whole members or frames."""
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(COMPRESS[".gz"](line(1) + b"\n" + line(2)[:20]))
    assert read(path).rejected["line"].to_list() == [2]


def test_a_last_row_of_csv_is_read_again(tmp_path: Path) -> None:
    """Its last cell may be half-written: the log gets the complete row later, and reports the difference."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"\n".join([HEADER, _row(1), _row(2, b"hal")]))
    first = read(path)
    assert first.events["data"].to_list() == ['{"note":"x"}', '{"note":"hal"}']
    _append(path, b"f\n")
    second = read(path, dict(first.checkpoint))
    assert second.events["data"].to_list() == ['{"note":"half"}']


def test_a_quote_that_is_never_closed_rejects_one_line(tmp_path: Path) -> None:
    """Reading continues with the line after it; the rows around it keep their numbers."""
    path = write(
        tmp_path / "a.csv", HEADER, _row(1), b'2,s,T,2024-01-01,"open', _row(3, b'"a\nb"'), b"4,s", _row(5)
    )
    batch = read(path)
    assert ids(batch) == ["1", "3", "5"]
    assert batch.rejected["line"].to_list() == [3, 6]
    assert batch.rejected["raw"][0] == b'2,s,T,2024-01-01,"open'


def test_an_open_quote_at_the_end_is_left_for_the_next_pull(tmp_path: Path) -> None:
    """A writer may be in the middle of a cell of several lines."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"\n".join([HEADER, _row(1), b'2,s,T,2024-01-01T00:00:00Z,"two\n']))
    first = read(path)
    assert (ids(first), first.rejected.height, len(first.notes)) == (["1"], 0, 1)
    _append(path, b'lines"\n')
    assert read(path, dict(first.checkpoint)).events["data"].to_list() == [r'{"note":"two\nlines"}']


@pytest.mark.parametrize("header", [b"id,id,type", b"id,\xff", b'"id'])
def test_an_invalid_header_is_one_rejected_entry(tmp_path: Path, header: bytes) -> None:
    """The other files are read."""
    write(tmp_path / "a.csv", header, _row(1))
    write(tmp_path / "b.csv", HEADER, b"", _row(2))
    batch = all_of(es.source(tmp_path))
    assert ids(batch) == ["2"]
    [entry] = batch.rejected.to_dicts()
    assert (entry["file"], entry["line"], entry["raw"]) == (str(tmp_path / "a.csv"), 1, b"")
    assert "header" in entry["reason"]


def test_the_field_limit_of_the_csv_module_is_not_lowered(tmp_path: Path) -> None:
    """The limit applies to the whole process, so a small limit of a source must not change it."""
    before = csv.field_size_limit()
    read(write(tmp_path / "a.csv", HEADER, _row(1, b"y" * 5000), _row(2)), max_line=4096)
    assert csv.field_size_limit() >= before


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst"])
def test_a_truncated_file_is_one_rejected_entry(tmp_path: Path, name: str) -> None:
    """The entry names line and offset, once until the file changes; after a repair the rest is read."""
    lines = [line(number, data={"noise": os.urandom(64).hex()}) for number in range(3000)]
    path = write(tmp_path / name, *lines)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    first = read(path)
    taken = first.events.height
    assert 500 < taken < 2500
    [entry] = first.rejected.to_dicts()
    assert (entry["line"], entry["raw"]) == (taken + 1, b"")
    assert f"{sum(len(each) + 1 for each in lines[:taken]):,} bytes" in entry["reason"]
    assert read(path, dict(first.checkpoint)).rejected.is_empty()
    assert es.source(str(path)).decode(first.rejected).rejected.height == 1
    path.write_bytes(whole)
    second = read(path, dict(first.checkpoint))
    assert ids(first) + ids(second) == [f"e{number}" for number in range(3000)]
    assert es.source(str(path)).decode(first.rejected).rejected.is_empty()


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst", "a.parquet"])
def test_a_file_of_another_format_is_one_rejected_entry(tmp_path: Path, name: str) -> None:
    """The other files are read."""
    (tmp_path / name).write_bytes(b"this is no such file, whatever its name says")
    write(tmp_path / "b.jsonl", line(1))
    batch = all_of(es.source(tmp_path))
    assert (ids(batch), batch.rejected.height) == (["e1"], 1)
    assert batch.read == es.source(tmp_path).size


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.zst", "a.csv"])
def test_lines_beyond_the_limit_can_be_decoded_later(tmp_path: Path, name: str) -> None:
    """Their first bytes are kept; with a higher limit they are read from their file."""
    long = b"y" * 300_000
    is_csv = name.endswith("csv")
    lines = (
        [HEADER, _row(1), _row(2, long), _row(3)]
        if is_csv
        else [b"", line(1), line(2, note=long.decode()), line(3)]
    )
    path = write(tmp_path / name, *lines)
    first = read(path, max_line=100_000)
    [entry] = first.rejected.to_dicts()
    assert (entry["line"], len(entry["raw"])) == (3, 64 * 1024)
    assert f"{len(lines[2]):,} bytes, beyond the limit of 100,000" in entry["reason"]
    _append(path, COMPRESS.get(path.suffix, bytes)((_row(4) if is_csv else line(4)) + b"\n"))
    second = read(path, dict(first.checkpoint), max_line=100_000)
    assert (second.events.height, second.rejected.height, second.notes) == (1, 0, ())
    assert es.source(str(path), max_line=100_000).decode(first.rejected).rejected.rows() == first.rejected.rows()
    again = es.source(str(path)).decode(first.rejected)
    assert (again.events.height, again.rejected.height) == (1, 0)


def test_rows_of_parquet_resume_and_can_be_decoded_again(tmp_path: Path) -> None:
    """An interrupted pull resumes; a note says that a file was rewritten; a rejected row is kept as JSON."""
    path = tmp_path / "a.parquet"
    frame = pl.DataFrame(
        {"event_id": range(3000), "who": ["s"] * 3000, "type": ["T"] * 3000, "at": [1704164645] * 3000}
    )
    frame.write_parquet(path)
    options: dict[str, Any] = {"stream": "who", "occurred_at": "at"}
    begin, *_ = es.source(str(path), **options).batches({})
    assert begin.events.height == 3000
    cut = {
        key: 1000 if key.endswith("#lines") else number
        for key, number in begin.checkpoint.items()
        if "stamp" not in key
    }
    rest = read(path, cut, **options)
    assert (rest.events.height, rest.notes) == (2000, ())
    wrong = read(path)
    assert wrong.rejected["reason"].unique().to_list() == ["stream is missing"]
    assert es.source(str(path), **options).decode(wrong.rejected).events.height == 3000
    frame.head(10).write_parquet(path)
    assert "rewritten" in read(path, dict(begin.checkpoint), **options).notes[0]


def test_batches_are_bounded_by_bytes_too(tmp_path: Path) -> None:
    """Large payloads make batches of fewer events."""
    path = write(tmp_path / "a.jsonl.gz", *(line(number, data={"x": "y" * 1_000_000}) for number in range(200)))
    batches = list(es.source(str(path)).batches({}))
    assert sum(batch.events.height for batch in batches) == 200
    assert max(batch.events["data"].str.len_bytes().sum() for batch in batches) < 100_000_000


def test_progress_reaches_the_whole_size(tmp_path: Path) -> None:
    """The bytes read add up to the size, whether files are new, unchanged, grown or rewritten."""
    for name in ("a.jsonl", "b.jsonl.gz", "c.jsonl.zst"):
        write(tmp_path / name, line(1), line(2))
    source = es.source(tmp_path)
    first = all_of(source)
    assert first.read == source.size
    assert all_of(source, dict(first.checkpoint)).read == source.size
    _append(tmp_path / "a.jsonl", line(3) + b"\n")
    write(tmp_path / "b.jsonl.gz", line(9))
    assert all_of(source, dict(first.checkpoint)).read == source.size


def test_a_file_is_read_once_under_all_its_names(tmp_path: Path) -> None:
    """This holds for its path, a glob, its folder and a link; its rejected lines are listed once, too."""
    path = write(tmp_path / "a.jsonl", line(1), b"{nothing")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "b.jsonl").symlink_to(path)
    log = es.Log(tmp_path / "log")
    for where in ([path], [tmp_path / "*.jsonl"], [tmp_path], [tmp_path / "links"], [path, tmp_path / "*.jsonl"]):
        log.pull(es.source(where))
        assert (log.head, log.rejected().height) == (1, 1)
    assert log.pull(es.source([path, tmp_path / "links", tmp_path])).duplicates == 0
    write(path, line(1), b"{nothing", line(2), b"{more")
    assert log.pull(es.source(tmp_path)).appended == 1
    assert log.rejected()["line"].to_list() == [2, 4]
    assert log.clear_rejected(es.source(tmp_path / "a.*")) == 2


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz", ".csv"])
def test_corrected_lines_are_no_longer_rejected(tmp_path: Path, ending: str) -> None:
    """The rejected lines of a rewritten file are those that are bad now; those of other files stay."""
    good, bad = (line(1), b"{nothing") if "jsonl" in ending else (b"e1,s,T,2024-01-01", b"e2,s")
    head = () if "jsonl" in ending else (b"id,stream,type,occurred_at",)
    path, other = tmp_path / f"a{ending}", tmp_path / f"b{ending}"
    write(other, *head, bad)
    log, source = es.Log(tmp_path / "log"), es.source(tmp_path)
    for lines, wrong in (
        ([good, bad, bad + b"x"], 2),
        ([good, good, bad + b"x"], 1),
        ([good, bad, bad + b"y", bad], 3),
        ([good, good], 0),
    ):
        write(path, *head, *lines)
        log.pull(source)
        assert log.rejected()["file"].to_list().count(str(path)) == wrong
        assert log.rejected()["file"].to_list().count(str(other)) == 1


@pytest.mark.parametrize("ending", [".jsonl", ".csv"])
def test_rejected_lines_of_a_rotated_file_stay(tmp_path: Path, ending: str) -> None:
    """Another file has taken its name, so the log may be the only place that still has these lines."""
    head = () if ending == ".jsonl" else (b"id,stream,type,occurred_at",)
    rows = [line(n) if ending == ".jsonl" else f"e{n},s,T,2024-01-01".encode() for n in range(4)]
    path = tmp_path / f"a{ending}"
    log, source = es.Log(tmp_path / "log"), es.source(path)
    for lines, wrong in (
        ([rows[0], b"{nothing"], [b"{nothing"]),
        ([], [b"{nothing"]),
        ([rows[1], rows[2], b"{more"], [b"{nothing", b"{more"]),
        ([rows[3]], [b"{nothing", b"{more"]),
    ):
        write(path, *head, *lines)
        log.pull(source)
        assert log.rejected()["raw"].to_list() == wrong
    assert log.head == 4


def test_a_completed_line_is_no_longer_rejected(tmp_path: Path) -> None:
    """A half-written line that was rejected, and then completed, becomes an event."""
    path = tmp_path / "a.jsonl"
    log, source = es.Log(tmp_path / "log"), es.source(path)
    path.write_bytes(line(1) + b"\n" + line(2)[:-5])
    log.pull(source)
    assert (log.pull(source).rejected, log.rejected().height) == (1, 1)
    path.write_bytes(line(1) + b"\n" + line(2) + b"\n")
    assert log.pull(source).appended == 1
    assert log.rejected().is_empty()


def test_files_that_did_not_change_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pull that knows all files looks at their size, time and inode, and reads Delta's log once."""
    (tmp_path / "raw").mkdir()
    for number in range(50):
        write(tmp_path / "raw" / f"{number}.jsonl", line(number))
    log = es.Log(tmp_path / "log")
    assert log.pull(es.source(tmp_path / "raw")).appended == 50
    write(tmp_path / "raw" / "more.jsonl", line(99))
    lookups: list[str] = []
    opened: list[Path] = []

    def looked_up(table: DeltaTable, app: str, look_up: Any = DeltaTable.transaction_version) -> int | None:
        lookups.append(app)
        number: int | None = look_up(table, app)
        return number

    def opened_at(path: Path, *arguments: Any, **options: Any) -> Any:
        opened.append(path)
        return open_at(path, *arguments, **options)

    monkeypatch.setattr(DeltaTable, "transaction_version", looked_up)
    monkeypatch.setattr("eventsource.sources._checkpoint.open_at", opened_at)
    source = es.source(tmp_path / "raw")
    found = list(source.batches(es.Log(tmp_path / "log").checkpoint(source)))
    assert [batch.events["event_id"].to_list() for batch in found] == [["e99"]]
    assert opened == [tmp_path / "raw" / "more.jsonl"]
    assert len(lookups) < 5


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet", "a.json"])
def test_another_file_of_the_same_size_and_time_is_read(name: str, tmp_path: Path) -> None:
    """A file that took the place of another one has another inode; one with the same content gives nothing new."""
    path, other, same = tmp_path / name, tmp_path / f"other-{name}", tmp_path / f"same-{name}"
    for to, number in ((path, 1), (other, 2), (same, 2)):
        _one_event(to, number)
        os.utime(to, ns=(5, 5))
    assert path.stat().st_size == other.stat().st_size
    first = read(path)
    other.replace(path)
    second = read(path, dict(first.checkpoint))
    assert ids(second) == ["e2"]
    assert "rewritten" in second.notes[0]
    known = {**first.checkpoint, **second.checkpoint}
    same.replace(path)
    third = read(path, known)
    assert (ids(third), third.notes) == ([], ())
    assert third.checkpoint != {}
    assert read(path, {**known, **third.checkpoint}).checkpoint == {}


def _one_event(path: Path, number: int) -> None:
    if path.suffix == ".parquet":
        row = {"event_id": f"e{number}", "stream": "s", "type": "T", "occurred_at": AT}
        pl.DataFrame([row]).write_parquet(path, statistics=False)
    else:
        write(path, b"[" + line(number) + b"]" if path.suffix == ".json" else line(number))
