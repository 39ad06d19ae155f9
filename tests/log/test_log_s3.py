"""The same log on an object store: moto's server in memory, and a gateway that answers many requests at a time."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path

import boto3
import pytest

from eventsource.errors import LogError
from eventsource.log import Log, _compaction
from tests.log.logkit import Lines, event, events, ids, is_sound, lines
from tests.services._process import free_port
from tests.services.versitygw import PASSWORD, USER

# One request at a time, so that a conditional put is as atomic as that of a real store.
SERVER = """
import sys
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
run_simple("127.0.0.1", int(sys.argv[1]), DomainDispatcherApplication(create_backend_app), threaded=False)
"""


@pytest.fixture(scope="module", params=["moto", "versitygw"])
def options(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Options of a store with an empty bucket: of moto, in memory, or of a gateway over a folder."""
    gateway = request.getfixturevalue("versitygw") if request.param == "versitygw" else None
    with _moto() if gateway is None else nullcontext(gateway.url) as address:
        options = {
            "AWS_ENDPOINT_URL": address,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": USER,
            "AWS_SECRET_ACCESS_KEY": PASSWORD,
            "AWS_REGION": "us-east-1",
        }
        client = boto3.client(
            "s3",
            endpoint_url=address,
            aws_access_key_id=USER,
            aws_secret_access_key=PASSWORD,
            region_name=options["AWS_REGION"],
        )
        client.create_bucket(Bucket="bucket")
        yield options
        client.close()


@contextmanager
def _moto() -> Iterator[str]:
    port = free_port()
    server = subprocess.Popen(  # a process: delta-rs keeps the GIL while it asks whether there is a table
        [sys.executable, "-c", SERVER, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _until_it_listens(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


def _until_it_listens(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("the server does not start")


def test_a_log_on_an_object_store(options: dict[str, str], tmp_path: Path) -> None:
    """Appends, pulls, conflicts, rejected lines, scans and the checkpoint: all as in a folder."""
    url = "s3://bucket/some/log"
    with pytest.raises(LogError, match="the log s3://bucket/some/log does not exist"):
        Log(url, storage_options=options, create=False)
    here, there = Log(tmp_path / "log"), Log(url, storage_options=options)
    assert (there.head, there.scan().collect().height) == (0, 0)
    raw = lines(tmp_path / "raw", [*range(25), "bad", 3])
    for log in (here, there):
        log.append(events([3, 4]))
        assert log.append([event(3, type="Z")]).conflicts.height == 1
        pulled = log.pull(Lines(raw))
        assert (pulled.appended, pulled.duplicates, pulled.rejected) == (23, 3, 1)
        assert log.pull(Lines(raw)).appended == 0
    assert there.scan().collect().equals(here.scan().collect())
    assert there.scan(types="A", since="2024-01-05", upto=20).collect().height > 0
    assert there.rejected().drop("rejected_at").equals(here.rejected().drop("rejected_at"))
    assert repr(there).replace(url, "") == repr(here).replace(str(tmp_path / "log"), "")
    again = Log(url + "/", storage_options=options, create=False)
    assert (again.head, again.checkpoint("lines:of a file").get("lines")) == (25, 27)
    assert there.clear_rejected() == 2


def test_small_files_are_compacted_on_an_object_store(
    options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compaction works on an object store."""
    monkeypatch.setattr(_compaction, "_MOST_SMALL_FILES", 5)
    log = Log("s3://bucket/small", storage_options=options)
    for number in range(12):
        log.append(events([number]))
    assert log.head == 12
    assert log._events.version.files()["path"].str.starts_with("joined").any()
    assert ids(log) == [f"e{number}" for number in range(12)]


def test_two_writers_on_an_object_store(options: dict[str, str]) -> None:
    """Conditional puts make one of two concurrent commits fail: positions are dense, nothing is lost."""
    url = "s3://bucket/contended"

    def write(who: int) -> None:
        log = Log(url, storage_options=options)
        for number in range(4):
            log.append(events([100 * who + number]))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(write, range(3)))
    log = Log(url, storage_options=options)
    assert is_sound(log)
    assert log.head == 12


def test_a_missing_bucket_is_an_error(options: dict[str, str]) -> None:
    """An error of the store is a LogError with a hint."""
    with pytest.raises(LogError, match="bucket"):
        Log("s3://none-such/log", storage_options=options).append(events([1]))


def test_erasing_events_of_a_log_on_an_object_store_is_refused(options: dict[str, str]) -> None:
    """The store may keep versions of its files, so nothing could be promised; the hint says what to do."""
    log = Log("s3://bucket/erased", storage_options=options)
    log.append(events(range(3)))
    with pytest.raises(LogError, match=r"expected a log in a folder.*\nHint: copy the log into a folder"):
        log.erase(stream="s1", reason="request")
    assert (log.erasures, log.erasure_receipts().height, log.append(events([3])).appended) == (0, 0, 1)
