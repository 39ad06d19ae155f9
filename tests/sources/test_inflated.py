"""Compressed payloads of rows: read as they are, or rejected with a reason; never larger than a line may be."""

import gzip
import sqlite3
import time
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import eventsource as es
from eventsource.sources._blocks import MAX_LINE
from eventsource.sources._inflated import inflated
from eventsource.sources._values import LineError
from tests.hostile import effort

pytestmark = pytest.mark.hostile


@pytest.mark.parametrize("compress", [zlib.compress, gzip.compress])
def test_the_limit_is_exact(compress: Callable[[bytes], bytes]) -> None:
    """As many bytes as the limit are read, one more is not, in one member or in two; cut off is damaged."""
    small = compress(b"x" * 100)
    assert inflated(small, limit=100) == b"x" * 100
    assert inflated(small + small, limit=200) == b"x" * 200
    for raw, limit in ((small, 99), (small + small, 199), (small + small, 100)):
        with pytest.raises(LineError, match=f"at most {limit} bytes in a compressed payload"):
            inflated(raw, limit=limit)
    for damaged in (small[:-1], small[:5], small + b"more"):
        with pytest.raises(zlib.error):
            inflated(damaged)


def test_the_time_is_linear_in_the_members() -> None:
    """A hundred thousand members without content, which took seconds when each copied the rest."""
    raw = gzip.compress(b"") * effort(100_000, 1_000_000)
    begin = time.process_time()
    assert inflated(raw) == b""
    assert time.process_time() - begin < effort(2, 20)


def test_a_state_that_grows_too_large_is_rejected(tmp_path: Path) -> None:
    """64 KB would be more than 64 MB; the row beside it is read."""
    bomb = zlib.compress(b'{"a":"' + b" " * MAX_LINE + b'"}')
    good = zlib.compress(b'{"timestamp":{"_type_":"datetime_iso","_data_":"2024-01-01T00:00:00+00:00"},"a":1}')
    with closing(sqlite3.connect(tmp_path / "orders.db")) as database, database:
        database.execute("CREATE TABLE stored_events (originator_id, originator_version INTEGER, topic, state)")
        database.executemany("INSERT INTO stored_events VALUES ('s', ?, 'm:T', ?)", [(1, bomb), (2, good)])
    log = es.Log(tmp_path / "log")
    done = log.pull(es.source(f"sqlite:///{tmp_path}/orders.db", preset="eventsourcing"))
    assert (done.appended, done.rejected) == (1, 1)
    assert log.rejected()["reason"].to_list() == [
        "expected at most 67,108,864 bytes in a compressed payload, got more"
    ]
