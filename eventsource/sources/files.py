"""Files as a source: JSON Lines, CSV and Parquet, plain or compressed, as globs and folders.

Files are read in the order of their paths, in bounded memory. A pull resumes per file: what was read is not read
again, a file that grew gives its new lines, one that was rewritten is noticed and read anew.
"""

import glob
import gzip
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import polars as pl

from eventsource.errors import SourceError
from eventsource.event import Batch, Checkpoint, empty_events, rejected_lines
from eventsource.moment import time_zone
from eventsource.sources._again import Again
from eventsource.sources._csv import csv_parts, header_line
from eventsource.sources._decode import Decoder
from eventsource.sources._lines import json_parts
from eventsource.sources._mapping import FieldMapping
from eventsource.sources._packed import COMPRESSED, DAMAGED
from eventsource.sources._parquet import parquet_parts
from eventsource.sources._place import Part, Place, UnreadableError
from eventsource.sources._streams import BLOCK, MAX_LINE
from eventsource.sources._times import UNITS, Clock

__all__ = ["Files", "header"]

_FORMATS: Final[Mapping[str, str]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
}
_BATCH_ROWS: Final = 250_000
_BATCH_BYTES: Final = 64 * 1024 * 1024


class Files:
    """Files of events; see `eventsource.source` for the arguments."""

    def __init__(
        self,
        paths: str | Path | Sequence[str | Path],
        *,
        mapping: FieldMapping,
        tz: str = "UTC",
        unit: str | None = None,
        format: str | None = None,  # noqa: A002 - the word users look for
        max_line: int = MAX_LINE,
        block: int = BLOCK,
    ) -> None:
        some = [paths] if isinstance(paths, str | Path) else paths
        self._patterns = [os.path.expanduser(path) for path in some]  # noqa: PTH111 - globs are no paths
        time_zone(tz)
        if unit is not None and unit not in UNITS:
            raise SourceError(f"there is no unit {unit!r}", hint=f"units: {', '.join(UNITS)}")
        if format is not None and format not in _FORMATS.values():
            raise SourceError(f"there is no format {format!r}", hint="formats: jsonl, csv, parquet")
        self._format, self._max_line, self._block = format, max_line, block
        self._decoder = Decoder(self.name, mapping, Clock(tz, unit))

    @property
    def name(self) -> str:
        """The absolute paths and globs: stable as long as the files stay where they are."""
        return ";".join(os.path.abspath(pattern) for pattern in self._patterns)  # noqa: PTH100 - folds ".."

    @property
    def size(self) -> int | None:
        """Bytes of all files, as they are on disk; those that are passed over count as read, too."""
        return sum(path.stat().st_size for path in self.paths)

    @property
    def paths(self) -> list[Path]:
        """The files that are there now, each once, by their absolute paths and in order of them.

        Raises:
            SourceError: there are none, or one is of an unknown format.
        """
        return self._found()[0]

    def files(self) -> list[str]:
        """Return the names under which the files that are there now stand in `REJECTED`; none is no error."""
        return [str(path) for path in self._looked_up()[0]]

    def batches(self, checkpoint: Checkpoint) -> Iterator[Batch]:
        """Yield what is new in the files, in batches of about 250,000 events or 64 MB."""
        rows = size = read = 0
        paths, logs = self._found()
        notes = tuple(f"{log} is a log: its own files are passed over" for log in logs)
        parts = [Part(empty_events(), rejected_lines([]), 0, {}, notes)] if notes else []
        for path in paths:
            at = 0
            for part in self._file(path, checkpoint):
                parts.append(part)
                read, at = read + max(0, part.at - at), max(at, part.at)
                rows += part.events.height + part.rejected.height
                size += int(part.events.estimated_size() + part.rejected.estimated_size())
                if rows >= _BATCH_ROWS or size >= _BATCH_BYTES:
                    yield _batch(parts, read)
                    parts, rows, size, read = [], 0, 0, 0
        if parts:
            yield _batch(parts, read)

    def decode(self, rejected: pl.DataFrame) -> Batch:
        """Try rejected lines again; rows of CSV need their file's header, lines beyond the limit their file."""
        parts = []
        for group in rejected.partition_by("file", maintain_order=True):
            path = Path(group["file"][0] or "")
            again = Again(path, self._format_of(path, default="jsonl"), self._decoder, self._max_line)
            events, left = again.take(group)
            parts.append(Part(events, left.with_columns(pl.lit(self.name).alias("source")), 0, {}))
        return _batch(parts, 0)

    def _found(self) -> tuple[list[Path], list[Path]]:
        """Return the files that are there now, and the logs among them whose files are passed over, as `paths`."""
        files, logs = self._looked_up()
        if not files:
            raise SourceError(
                f"no file matches {', '.join(self._patterns)}", hint="name a file, a folder or a glob"
            )
        for path in files:
            self._format_of(path)
        return files, logs

    def _looked_up(self) -> tuple[list[Path], list[Path]]:
        files: dict[str, Path] = {}
        logs: set[Path] = set()
        for pattern in self._patterns:
            matching, passed = _matching(pattern, self._format)
            logs |= passed
            for path in matching:
                files.setdefault(os.path.realpath(path), Path(os.path.abspath(path)))  # noqa: PTH100 - folds ".."
        return list(files.values()), sorted(logs)

    def _file(self, path: Path, checkpoint: Checkpoint) -> Iterator[Part]:
        """Yield the new parts of one file; a damaged one gives what can be read of it, and says so."""
        try:
            place = Place(path, checkpoint, lines=2 if self._format_of(path) == "csv" else 1)
        except OSError as error:
            yield self._unreadable(path, (0, 0), error, Part(empty_events(), rejected_lines([]), 0, {}))
            return
        where, end = place.where(checkpoint), place.end()
        try:
            for part in () if place.is_done else self._parts(place):
                where, end = place.where(part.checkpoint), place.end(unfinished=part.unfinished)
                yield part
        except (*DAMAGED, UnreadableError) as error:
            is_passing = isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile)
            end = {} if is_passing else place.end()
            yield self._unreadable(path, where, error, Part(empty_events(), rejected_lines([]), place.size, end))
            return
        yield Part(empty_events(), rejected_lines([]), place.size, {} if place.is_done else end)

    def _parts(self, place: Place) -> Iterator[Part]:
        form = self._format_of(place.path)
        if form == "parquet":
            return parquet_parts(place, self._decoder)
        read = csv_parts if form == "csv" else json_parts
        return read(place, self._decoder, size=self._block, limit=self._max_line)

    def _unreadable(self, path: Path, where: tuple[int, int], error: Exception, part: Part) -> Part:
        line, offset = where
        place = f"after line {line:,} ({offset:,} bytes, uncompressed)" if line else "at all"
        reason = f"the file cannot be read {place}: {error}"
        entry = {"source": self.name, "file": str(path), "line": line + 1, "reason": reason, "raw": b""}
        return replace(part, rejected=rejected_lines([entry]))

    def _format_of(self, path: Path, default: str | None = None) -> str:
        if self._format is not None:
            return self._format
        found = _FORMATS.get(_ending(path))
        if found is None and default is None:
            raise SourceError(f"{path}: the format of {path.name!r} is not known", hint='format="jsonl" says it')
        return found or str(default)


def header(path: Path) -> bytes | None:
    """Return the first row of a file of CSV without its end; None of others, and if it is gone."""
    try:
        return header_line(path, limit=MAX_LINE) if _FORMATS.get(_ending(path)) == "csv" else None
    except (*DAMAGED, UnreadableError):
        return None


def _batch(parts: list[Part], read: int) -> Batch:
    return Batch(
        events=pl.concat([empty_events(), *(part.events for part in parts)]),
        rejected=pl.concat([rejected_lines([]), *(part.rejected for part in parts)]),
        checkpoint={key: number for part in parts for key, number in part.checkpoint.items()},
        read=read,
        notes=tuple(note for part in parts for note in part.notes),
        reread_after=dict(part.reread_after for part in parts if part.reread_after is not None),
    )


def _matching(pattern: str, wanted: str | None) -> tuple[list[Path], set[Path]]:
    """Return the files of a path, a folder (all known endings, recursively) or a glob, in order of path.

    Of what a folder or a glob finds, the files of a log are no source: the logs that were passed over come second.
    """
    path = Path(pattern)
    if path.is_file():
        return [path], set()
    if path.is_dir():
        files = [file for file in path.rglob("*") if file.is_file() and not file.name.startswith(".")]
        found = [file for file in files if wanted or _ending(file) in _FORMATS]
    else:
        found = [Path(name) for name in glob.glob(pattern, recursive=True) if Path(name).is_file()]  # noqa: PTH207
    logs = {folder for folder in {parent for file in found for parent in file.parents} if _is_log(folder)}
    return sorted(file for file in found if logs.isdisjoint(file.parents)), logs


def _is_log(folder: Path) -> bool:
    return (folder / "events" / "_delta_log").is_dir()


def _ending(path: Path) -> str:
    """Return the ending that tells the format; that of the compression is passed over."""
    endings = [suffix.lower() for suffix in path.suffixes]
    return next((ending for ending in reversed(endings) if ending not in COMPRESSED), "")
