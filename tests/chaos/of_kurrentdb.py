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
from tests.chaos.systems import System
from tests.services.kurrent import Kurrent

__all__ = ["Streams"]


class Streams(System):
    """A server."""

    order: Literal["all", "stream"] = "all"
    options: Mapping[str, Any] = {"occurred_at": "metadata.at"}

    def __init__(self, folder: Path) -> None:  # noqa: ARG002 - its log is in memory
        self.server = server = Kurrent(threads=64)  # each writer holds one
        server.start()
        self.where = f"kurrentdb://{server.address}?Tls=false"

    @staticmethod
    def appender(where: str, _writer: int) -> "_Appender":
        """Return what a writer appends with."""
        return _Appender(where)

    def rows(self) -> Iterator[Row]:
        """Yield the events of `$all`."""
        client = KurrentDBClient(self.where)
        for event in client.read_all():
            yield str(event.id), event.stream_name, event.stream_position, event.type, event.data
        client.close()


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
