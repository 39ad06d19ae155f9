"""Files pass the suite that every source passes."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import pytest

from eventsource.testing import Facts, SourceSuite


class Folder:
    """A folder with one file of JSON Lines that grows."""

    order: Literal["all", "stream"] = "all"
    compared = ("event_id", "stream", "version", "type", "occurred_at", "data")
    batch = None

    def __init__(self, folder: Path) -> None:
        self.where, self.options = str(folder), dict[str, Any]()
        self._file = folder / "events.jsonl"

    def append(self, events: Sequence[Facts]) -> None:
        """Append lines to the file."""
        with self._file.open("a") as file:
            for event in events:
                file.write(json.dumps({**asdict(event), "occurred_at": event.occurred_at.isoformat()}) + "\n")


class TestFiles(SourceSuite):
    """The suite."""

    @pytest.fixture
    def system(self, tmp_path: Path) -> Folder:
        """An empty folder."""
        folder = tmp_path / "raw"
        folder.mkdir()
        return Folder(folder)
