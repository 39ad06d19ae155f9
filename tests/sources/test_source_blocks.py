"""Blocks of lines: no line is lost, every line has its number, memory is bounded."""

import gzip
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventsource.sources._blocks import blocks
from eventsource.sources._lines import Lines
from eventsource.sources._mapping import FieldMapping
from eventsource.sources._options import FileOptions
from eventsource.sources._records import LineMapping
from eventsource.sources.files import Files
from tests.laws import examples
from tests.sources.sourcekit import line

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda v: st.lists(v) | st.dictionaries(st.text(), v),
    max_leaves=5,
)


@settings(max_examples=examples(200))
@given(parts=st.lists(st.sampled_from([b"\n", b"\r\n", b"\r", b"a", b"bc", b""]), max_size=60), data=st.data())
def test_some_lines_are_those_of_all(parts: list[bytes], data: st.DataObject) -> None:
    """Lines that are cut out one by one are those that a split of the whole block has."""
    lines = Lines(b"".join(parts))
    split = Lines(lines.data).each
    rows = data.draw(st.lists(st.integers(0, len(split) - 1), max_size=3)) if split else []
    assert len(lines) == len(split)
    assert lines.some(rows) == [split[row] for row in rows]
    assert lines.some(range(len(split))) == split


@settings(deadline=None, max_examples=examples(60))
@given(
    payloads=st.lists(st.dictionaries(st.text(), JSON, max_size=3), max_size=12),
    garbage=st.lists(st.binary(max_size=20), max_size=5),
    size=st.integers(1, 400),
)
def test_no_line_is_lost(tmp_path_factory: pytest.TempPathFactory, payloads: Any, garbage: Any, size: int) -> None:
    """Blocks of any size give every line that is not blank as an event or a rejected line."""
    lines = [line(number, data=payload) for number, payload in enumerate(payloads)]
    junk = [each.replace(b"\n", b" ") for each in garbage]
    content = b"\n".join([*lines, *junk]) + b"\n"
    path = tmp_path_factory.mktemp("any") / "a.jsonl"
    path.write_bytes(content)
    batches = list(
        Files(str(path), mapping=LineMapping(FieldMapping()), options=FileOptions(block=size)).batches({})
    )
    events = pl.concat([batch.events for batch in batches])
    rejected = pl.concat([batch.rejected for batch in batches])
    assert [json.loads(text) for text in events["data"]] == payloads
    content_lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    assert events.height + rejected.height == sum(bool(each.strip()) for each in content_lines)


@given(content=st.binary(max_size=200), size=st.integers(1, 50), limit=st.integers(1, 60))
def test_blocks_number_everyline(content: bytes, size: int, limit: int) -> None:
    """Blocks of any size number all lines, including those beyond the limit."""
    stream = io.BytesIO(content)
    found = list(blocks(stream, line=1, size=size, limit=limit))
    assert sum(block.lines for block in found) == content.count(b"\n") + (
        not content.endswith(b"\n") and content != b""
    )
    for block in found:
        assert all(len(each) <= limit for each in block.data.split(b"\n"))


@pytest.mark.slow
def test_memory_is_bounded(tmp_path: Path) -> None:
    """A compressed file of 400 MB is read with 450 MB of memory, interpreter and libraries included."""
    path = tmp_path / "big.jsonl.gz"
    block = b"".join(line(number, data={"text": "x" * 400}) + b"\n" for number in range(20_000))
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(40):
            file.write(block)
    program = (
        "import sys, pathlib, eventsource as es\n"
        "n = sum(b.events.height for b in es.source(sys.argv[1]).batches({}))\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "print(n, int(status.split('VmHWM:')[1].split()[0]) // 1024)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], check=True, capture_output=True, text=True)
    count, peak = map(int, done.stdout.split())
    assert count == 800_000
    assert peak < 450
