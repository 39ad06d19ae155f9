"""Rows of CSV that are decoded in bulk give exactly what they give one by one, wherever a block ends."""

import csv
import gzip
import io
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import eventsource as es
from eventsource.sources._blocks import blocks
from eventsource.sources._bulk_table import cells_of, has_a_row_per_line
from eventsource.sources._csv import csv_rows
from eventsource.sources._csv_header import header_of
from eventsource.sources._csv_lines import CsvLines
from eventsource.sources._decoder import Decoder
from eventsource.sources._dialect import Dialect
from eventsource.sources._mapping import FieldMapping
from eventsource.sources._options import FileOptions
from eventsource.sources._records import LineMapping
from eventsource.sources._times import TimeReader
from eventsource.sources.files import Files
from tests.laws import examples

_HEADERS: Final = [
    b"id,stream,type,occurred_at,n",
    b"event_id,id,stream,type,occurred_at",
    b"id,stream,type,occurred_at,data",
    b"id,who.key,who.name,type,occurred_at",
    b"id,stream,type,occurred_at,version,metadata,recorded_at",
    b'id;"stream";type;occurred_at;n',
    b"\xef\xbb\xbfid,stream,type,occurred_at,who.key",
]
_CELLS: Final = [
    *(b"7", b"", b" ", b"a:b", b'"a ""quote"""', b'"a, b"', b'"two\nlines"', b'"open', b'in"side', b'"bad"end'),
    *(b"2024-01-01", b"2024-01-01T00:00:00Z", b"soon", b"1704067200", b"99999999999999999999", b"1.234,50", b"+5"),
    *(
        b'"{""a"": 1}"',
        b"{}",
        b"null",
        b"[1]",
        b"\xc4\x85",
        b"\xff",
        b"\x00",
        b"\x1c",
        b"\xc2\xa0",
        b"\r",
        b"-0",
    ),
]
_ROWS: Final = st.one_of(
    st.lists(st.sampled_from(_CELLS), min_size=1, max_size=7).map(b",".join),
    st.tuples(st.sampled_from(_CELLS), st.sampled_from(_CELLS)).map(
        lambda two: b",".join([two[0], b"s", b"T", b"2024-01-01T00:00:00Z", two[1]])
    ),
    st.sampled_from([b"", b"  ", b",,,,", b"1,s,T,2024-01-01,x\r", b"1;s;T;2024-01-01;1,5"]),
)
_MAPPINGS: Final[list[dict[str, Any]]] = [
    {},
    {"event_id": "@line"},
    {"event_id": ["id", "@hash"], "stream": "{who.key|stream}"},
    {"stream": "who.key"},
    {"stream": "who.key", "data": "who"},
    {"event_id": "id", "metadata": "@rest", "data": "n"},
    {"type": "nothing|type", "version": "n"},
]


def _one_by_one(data: bytes, path: Path, mapping: LineMapping, dialect: Dialect) -> tuple[list[Any], list[Any]]:
    """Return the events and rejected lines of a file, parsed and decoded row by row."""
    decoder = Decoder(str(path), mapping, TimeReader("UTC", None), lambda file: Path(file).name)
    lines = CsvLines(blocks(io.BytesIO(data), line=1), 1 << 20)
    header = header_of(lines, dialect)
    lines.take()
    rows = csv_rows(lines, header, file=str(path))
    events, rejected = decoder.rows((row.line, row.members) for row in rows)
    return events.rows(), rejected.rows()


@settings(deadline=None, max_examples=examples(120))
@given(
    header=st.sampled_from(_HEADERS),
    rows=st.lists(_ROWS, max_size=14),
    size=st.integers(1, 400),
    paths=st.sampled_from(_MAPPINGS),
    decimal=st.sampled_from([".", ","]),
    end=st.sampled_from([b"\n", b"\r\n"]),
)
@example(header=_HEADERS[0], rows=[b"1,s,T,2024-01-01,x"] * 30, size=50, paths={}, decimal=".", end=b"\n")
@example(
    header=_HEADERS[0],
    rows=[b'1,s,T,2024-01-01,"two', b'lines"', b"2,s,T,2024-01-01,x", b"3,s"] * 5,
    size=60,
    paths={},
    decimal=".",
    end=b"\r\n",
)
@example(
    header=_HEADERS[2],
    rows=[b'1,s,T,2024-01-01,"{""a"": 1}"', b"2,s,T,2024-01-01,x", b"3,s,T,2024-01-01,"] * 5,
    size=4000,
    paths={},
    decimal=".",
    end=b"\n",
)
def test_rows_of_a_table_are_decoded_independently_of_blocks(
    tmp_path_factory: pytest.TempPathFactory,
    header: bytes,
    rows: list[bytes],
    size: int,
    paths: dict[str, Any],
    decimal: str,
    end: bytes,
) -> None:
    """Events, their order, rejected lines, their numbers and reasons."""
    path = tmp_path_factory.mktemp("tables") / "a.csv.gz"  # such a file cannot grow
    data = end.join([header, *rows, b""])
    path.write_bytes(gzip.compress(data))
    mapping, dialect = LineMapping(FieldMapping(paths, {})), Dialect(decimal=decimal)
    expected = _one_by_one(data, path, mapping, dialect)
    options = FileOptions(block=size, dialect=dialect, workers=1)
    batches = list(Files(str(path), mapping=mapping, options=options).batches({}))
    assert [row for batch in batches for row in batch.events.rows()] == expected[0]
    assert [row for batch in batches for row in batch.rejected.rows()] == expected[1]


@given(data=st.lists(_ROWS, max_size=6).map(b"\n".join), delimiter=st.sampled_from([",", ";", "\t"]))
def test_lines_that_are_rows_have_the_cells_of_the_parser(data: bytes, delimiter: str) -> None:
    """Splitting is parsing where it is done."""
    if has_a_row_per_line(data, delimiter):
        text = io.StringIO(data.decode("utf-8", "surrogateescape"), newline="")
        assert [each if any(each) else [] for each in cells_of(data, delimiter)] == [
            each if any(each) else [] for each in csv.reader(text, strict=True, delimiter=delimiter)
        ]


def test_a_table_that_grows_is_read_on(tmp_path: Path) -> None:
    """Also where the last row had no end of line, and where blank lines ended the file."""
    path = tmp_path / "a.csv"
    text = "id,stream,type,occurred_at\n1,s,T,2024-01-01\n2,s,T,2024-01-02"
    path.write_text(text)
    log = es.Log(tmp_path / "log")
    assert log.pull(es.source(path)).appended == 2
    path.write_text(f"{text}\n\n3,s,T,2024-01-03\n\n")
    assert log.pull(es.source(path)).appended == 1
    path.write_text(f"{text}\n\n3,s,T,2024-01-03\n\n\n4,s,T,2024-01-04\n")
    pulled = log.pull(es.source(path))
    assert (pulled.appended, pulled.duplicates) == (1, 0)


def test_a_table_whose_lines_end_with_cr_alone_says_so(tmp_path: Path) -> None:
    """As old spreadsheets write it; the header is long enough to be one line of several."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,stream,type,occurred_at\r1,a,T,2024-01-01\r")
    (batch,) = es.source(path).batches({})
    assert "a line ends with a carriage return (CR) alone: expected LF or CRLF" in batch.rejected["reason"][0]
