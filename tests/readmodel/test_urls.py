"""URLs of databases, and databases that cannot be opened."""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from eventsource.errors import DatabaseError, EventsourceError, ReadModelError
from eventsource.readmodel import ReadModel, Status
from eventsource.service import Service
from tests.readmodel.readmodelkit import (
    Shop,
    event,
    over,
)

pytestmark = pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning")
"""The logs here begin small."""


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y", "", "duckdb:///x", "me@x.db"])
def test_a_url_of_no_supported_database_is_refused(url: str) -> None:
    """The hint has one that is supported."""
    with pytest.raises(ReadModelError, match=r"Hint: .*sqlite:///customers\.db"):
        ReadModel(over([], Shop), url)


@pytest.mark.parametrize("path", ["people.db", "/data/people.db", "C:\\people.db"])
def test_a_path_in_place_of_a_url(path: str) -> None:
    """The hint has the URL for that path."""
    with pytest.raises(ReadModelError) as caught:
        ReadModel(over([], Shop), path)
    assert str(caught.value).startswith(
        f"expected the URL of a database, got {path!r}\nHint: sqlite:///{path} or postgresql"
    )


@pytest.mark.parametrize(
    "url", ["postgresql//me:secret@host/x", "postgresql://me:secret@host:port/x", "me:secret@x"]
)
def test_a_password_in_a_malformed_url_is_not_shown(url: str) -> None:
    """What comes before the host may be a password."""
    with pytest.raises(ReadModelError, match=r"expected the URL of a database, got '…@") as caught:
        ReadModel(over([], Shop), url)
    assert "secret" not in str(caught.value)


def test_passwords_are_never_shown(tmp_path: Path) -> None:
    """Neither representations nor errors have the password."""
    model = ReadModel(over([], Shop), "postgresql+psycopg://me:secret@127.0.0.1:1/x")
    with pytest.raises(DatabaseError) as caught:
        model.refresh()
    assert "refused" in str(caught.value)
    assert "secret" not in f"{model!r} {caught.value}"
    assert isinstance(caught.value, OSError | EventsourceError)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """The error has the file, and the folder to create."""
    folder = tmp_path / "nowhere"
    model = ReadModel(over([], Shop), f"sqlite:///{folder}/x.db")
    reason = rf"unable to open database file: the folder {folder} does not exist\nHint: mkdir -p {folder}$"
    with pytest.raises(DatabaseError, match=reason):
        model.refresh()


@contextmanager
def bound_by_permissions() -> Iterator[None]:
    """Become a user whom the permissions of files bind; root is not."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_a_file_or_folder_that_is_not_writable_is_named() -> None:
    """SQLite does not say which one it is."""
    with tempfile.TemporaryDirectory() as name:
        folder, file = Path(name), Path(name) / "x.db"
        model = ReadModel(over([event(1, "a", "Opened")], Shop), f"sqlite:///{file}")

        def refused(locked: Path) -> None:
            with (
                bound_by_permissions(),
                pytest.raises(DatabaseError, match=rf"database.*: {locked} is not writable$"),
            ):
                model.rebuild()

        folder.chmod(0o555)
        refused(folder)
        folder.chmod(0o777)
        model.refresh()
        file.chmod(0o444)
        refused(file)


@pytest.mark.hostile
@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://me:s3cret@127.0.0.1:1/x",
        "postgresql+psycopg://me:s3cret%40x@127.0.0.1:1/x",
        "postgresql+psycopg://127.0.0.1:1/x?user=me&password=s3cret",
        "postgresql+psycopg://127.0.0.1:1/x?user=me&%70assword=s3cret",
        "postgresql+psycopg://127.0.0.1:1/x?sslpassword=s3cret",
        "postgresql+psycopg://me:s3@cret@127.0.0.1:1/x",
        "postgresql+psycopg://me:s3@cret:4@127.0.0.1:1/x",
        "postgresql+psycopg://me:s3 @cret@127.0.0.1:1/x",
        "postgresql+psycopg://me:s3/cret@127.0.0.1:1/x",
        "sqlite:///:memory:?password=s3cret",
        "mysql://me:s3cret@127.0.0.1:1/x",
    ],
)
def test_no_spelling_of_a_password_is_shown(url: str) -> None:
    """Neither by the URL, nor by errors and their causes, which a traceback shows."""
    with pytest.raises(ReadModelError) as caught:  # noqa: PT012 - some URLs are refused, some answer with an error
        model = ReadModel(over([], Shop), url)
        shown = f"{model!r} {model.url}"
        assert "cret" not in shown, shown
        model.refresh()
    shown = "".join(str(each) for each in _chain(caught.value))
    assert "cret" not in shown, shown


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what a traceback shows as its causes."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_new_files_are_for_their_owner(tmp_path: Path) -> None:
    """A database and a health file are created readable by their owner only; those that exist keep their mode."""
    model = ReadModel(over([event(0, "a", "Opened", name="A")], Shop), f"sqlite:///{tmp_path}/x.db")
    model.refresh()
    health = tmp_path / "health.json"
    Service.of(0.01, 0, health, _stop).run(model.refresh, model.lag)
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()} == {
        "x.db": "0o600",
        "health.json": "0o600",
    }
    for path in tmp_path.iterdir():
        path.chmod(0o640)
    model.rebuild()
    Service.of(0.01, 0, health, _stop).run(model.refresh, model.lag)
    assert {oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()} == {"0o640"}


def _stop(status: Status) -> None:
    if status.state == "following":
        signal.raise_signal(signal.SIGTERM)
