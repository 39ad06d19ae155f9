"""Helpers for tests of the log: events, a source that reads lines of a file, and programs to kill."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from eventsource.event import Batch, Checkpoint, check_events, events_from_dicts, no_events, rejected_lines
from eventsource.log import Log

ROOT = Path(__file__).parents[2]


def event(number: int, **other: Any) -> dict[str, Any]:
    day = f"2024-01-{1 + number % 28:02}T00:00:{number % 60:02}Z"
    plain = {"event_id": f"e{number}", "stream": f"s{number % 7}", "type": "AB"[number % 2], "occurred_at": day}
    return {**plain, "data": {"n": number}, **other}


def events(numbers: Iterable[int]) -> list[dict[str, Any]]:
    return [event(number) for number in numbers]


def ids(log: Log) -> list[str]:
    return log.scan().select("event_id").collect().to_series().to_list()


def is_sound(log: Log) -> bool:
    """Return whether positions are 0, 1, 2 … in this order, and ids are unique."""
    rows = log.scan().select("position", "event_id").collect()
    dense = rows["position"].to_list() == list(range(log.head))
    return dense and rows["event_id"].n_unique() == log.head


@dataclass
class Lines:
    """Reads a file: a number becomes an event, a JSON object is one; other lines are rejected."""

    path: Path
    size_of_batch: int = 10
    takes_words: bool = False
    name: str = "lines:of a file"

    @property
    def size(self) -> int:
        """The bytes of the file."""
        return self.path.stat().st_size

    def batches(self, checkpoint: Checkpoint) -> Iterator[Batch]:
        """Yield the lines after the checkpoint."""
        lines = self.path.read_bytes().splitlines()
        done = checkpoint.get("lines") or 0
        for begin in range(done, len(lines), self.size_of_batch):
            part = lines[begin : begin + self.size_of_batch]
            batch = self._batch([(str(self.path), begin + i + 1, line) for i, line in enumerate(part)])
            yield Batch(batch.events, {"lines": begin + len(part)}, batch.rejected, batch.read, ("a note",))

    def decode(self, rejected: pl.DataFrame) -> Batch:
        """Decode rejected lines again."""
        return self._batch(rejected.select("file", "line", "raw").rows())

    def _batch(self, lines: list[tuple[str, int, bytes]]) -> Batch:
        good, rejected = [], []
        for file, line, raw in lines:
            try:
                good.append(self._event(raw))
            except ValueError:
                why = f"not a number, takes words: {self.takes_words}"
                row = {"source": self.name, "file": file, "line": line, "reason": why, "raw": raw}
                rejected.append(row)
        frame = check_events(events_from_dicts(good)) if good else no_events()
        return Batch(frame, {}, rejected_lines(rejected), sum(len(raw) + 1 for *_, raw in lines))

    def _event(self, raw: bytes) -> dict[str, Any]:
        if raw.startswith(b"{"):
            commit: dict[str, Any] = json.loads(raw)
            return commit
        return event(1000 + len(raw)) if self.takes_words and raw.isalpha() else event(int(raw))


def lines(path: Path, texts: Iterable[object]) -> Path:
    path.write_text("".join(f"{text}\n" for text in texts))
    return path


def run(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a Python program that can import this module."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
