"""A folder with a growing file of JSON Lines for each writer."""

import json
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.appends import Append
from tests.chaos.compare import Row
from tests.chaos.systems import System

__all__ = ["Files"]


class Files(System):
    """The folder."""

    shares = False
    sizes = (None,)

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "raw"
        self._folder.mkdir()
        self.where = str(self._folder)

    @staticmethod
    def appender(where: str, writer: int) -> "_Appender":
        """Return what a writer appends with."""
        return _Appender(Path(where) / f"writer-{writer:03}.jsonl")

    def rows(self) -> Iterator[Row]:
        """Yield the lines of all files."""
        for path in sorted(self._folder.iterdir()):
            for line in path.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                yield row["event_id"], row["stream"], row["version"], row["type"], json.dumps(row["data"])


class _Appender:
    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def __call__(self, append: Append) -> None:
        assert append.version is not None
        self._file.write(b"".join(_lines(append, append.version)))

    def flush(self) -> None:
        self._file.close()


def _lines(append: Append, version: int) -> Iterator[bytes]:
    for number, event in enumerate(append.events, version + 1):
        row = {
            "event_id": event.event_id,
            "stream": append.stream,
            "version": number,
            "type": event.type,
            "occurred_at": event.occurred_at,
            "data": json.loads(event.data),
        }
        yield json.dumps(row).encode() + b"\n"
