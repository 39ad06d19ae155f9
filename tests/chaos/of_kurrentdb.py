"""The test server that speaks the protocol of KurrentDB; it is not KurrentDB."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from kurrentdbclient import KurrentDBClient, NewEvent, StreamState
from kurrentdbclient.exceptions import KurrentDBClientError, WrongCurrentVersionError

from eventsource.errors import StoreError
from tests.chaos.appends import Append
from tests.chaos.compare import Row
from tests.services.kurrent import Kurrent

__all__ = ["Streams"]


class Streams:
    """A server."""

    shares, has_server, settle = True, True, 0.0
    order: Literal["all", "stream"] = "all"
    sizes: tuple[int | None, ...] = (500, 5_000, 50_000)
    options: Mapping[str, Any] = {"occurred_at": "metadata.at"}

    def __init__(self, folder: Path) -> None:  # noqa: ARG002 - its log is in memory
        self._server = Kurrent(threads=64)  # each writer holds one
        self._server.start()
        self.where = f"kurrentdb://{self._server.address}?Tls=false"

    @staticmethod
    def appender(where: str, _writer: int) -> "_Appender":
        """Return what a writer appends with."""
        return _Appender(where)

    def restart(self) -> None:
        """Stop the server, and start it again over the same log."""
        self._server.stop()
        self._server.start()

    def rows(self) -> Iterator[Row]:
        """Yield the events of `$all`."""
        client = KurrentDBClient(self.where)
        for event in client.read_all():
            yield str(event.id), event.stream_name, event.stream_position, event.type, event.data
        client.close()

    def close(self) -> None:
        """Stop the server."""
        self._server.stop()


class _Appender:
    def __init__(self, where: str) -> None:
        self._where = where
        self._client = KurrentDBClient(where)

    def __call__(self, append: Append) -> None:
        events = [
            NewEvent(
                type=event.type,
                data=event.data.encode(),
                metadata=json.dumps({"at": event.occurred_at}).encode(),
                id=UUID(event.event_id),
            )
            for event in append.events
        ]
        expected: int | StreamState = StreamState.ANY
        if append.version is not None:
            expected = append.version - 1 if append.version else StreamState.NO_STREAM
        try:
            self._client.append_to_stream(append.stream, events=events, current_version=expected)
        except WrongCurrentVersionError:
            raise
        except KurrentDBClientError as error:
            raise StoreError(f"{type(error).__name__}: {error}") from error

    def flush(self) -> None:
        self._client.close()
