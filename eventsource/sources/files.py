"""Files as a source: JSON Lines, CSV and Parquet, plain or compressed, as globs and folders.

Files are read in the order of their paths, in bounded memory. A pull resumes per file: what was read is not read
again, a file that grew gives its new lines, one that was rewritten is noticed and read anew.
"""

import glob
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Final

import polars as pl

from eventsource.errors import SourceError
from eventsource.event import Batch, Resume, empty, rejected_frame
from eventsource.moment import zone
from eventsource.sources._decode import Decoder, Line
from eventsource.sources._mapping import UNITS, FieldMapping
from eventsource.sources._streams import BLOCK, COMPRESSED, DAMAGED, MAX_LINE, Digest, blocks, digest_at, open_at
from eventsource.sources._tables import csv_header, csv_rows, parquet_rows
from eventsource.sources._times import Clock

__all__ = ["Files"]

_FORMATS: Final[Mapping[str, str]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
}
_BATCH: Final = 250_000
_ROWS: Final = 20_000


@dataclass(frozen=True, slots=True)
class _Part:
    """What a part of a file gave: events, rejected lines, and where the file stands after it."""

    events: pl.DataFrame
    rejected: pl.DataFrame
    read: int
    resume: Mapping[str, int]
    notes: tuple[str, ...] = ()


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
        self._patterns = [str(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
        zone(tz)
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
        """Bytes of all files, as they are on disk."""
        return sum(path.stat().st_size for path in self.paths)

    @cached_property
    def paths(self) -> list[Path]:
        """The files, in order of their paths.

        Raises:
            SourceError: there are none, or one is of an unknown format.
        """
        found = [path for pattern in self._patterns for path in _matching(pattern, self._format)]
        if not found:
            raise SourceError(
                f"no file matches {', '.join(self._patterns)}", hint="name a file, a folder or a glob"
            )
        for path in found:
            self._format_of(path)
        return found

    def batches(self, resume: Resume) -> Iterator[Batch]:
        """Yield what is new in the files, in batches of about 250,000 events."""
        parts: list[_Part] = []
        for path in self.paths:
            for part in self._file(path, resume):
                parts.append(part)
                if sum(p.events.height + p.rejected.height for p in parts) >= _BATCH:
                    yield _batch(parts)
                    parts = []
        if parts:
            yield _batch(parts)

    def decode(self, rejected: pl.DataFrame) -> Batch:
        """Try rejected lines again; rows of CSV need their file's header, rows of Parquet their file."""
        parts = []
        for group in rejected.partition_by("file", maintain_order=True):
            path = Path(group["file"][0] or "")
            lines = [Line(str(path), number, raw) for number, raw in group.select("line", "raw").iter_rows()]
            events, left = self._again(path, lines)
            parts.append(_Part(events, left, 0, {}))
        return _batch(parts) if parts else Batch(empty(), {})

    def _again(self, path: Path, lines: list[Line]) -> tuple[pl.DataFrame, pl.DataFrame]:
        if self._format_of(path, default="jsonl") != "csv" or not path.exists():
            return self._decoder.lines(lines)
        stream, raw, _ = open_at(path, 0)
        with raw:
            names, _ = csv_header(stream)
        rows = [
            next(csv_rows(_one(line.raw), names, file=line.file, line=line.number, limit=self._max_line))
            for line in lines
        ]
        return self._decoder.rows([(row.line, row.members) for row in rows])

    def _file(self, path: Path, resume: Resume) -> Iterator[_Part]:
        """Yield the new parts of one file; a damaged one gives what can be read of it, and says so."""
        keys = _Keys(os.path.abspath(path))  # noqa: PTH100 - folds ".."
        stamp = _stamp(path)
        if resume.get(keys.stamp) == stamp:
            yield _Part(empty(), rejected_frame([]), path.stat().st_size, {})
            return
        read = {"parquet": self._parquet, "csv": self._csv, "jsonl": self._jsonl}[self._format_of(path)]
        line = 0
        try:
            for part in read(path, resume, keys):
                line = part.resume.get(keys.lines, line)
                yield part
        except (*DAMAGED, pl.exceptions.PolarsError) as error:
            where = {"source": self.name, "file": str(path), "line": line + 1, "raw": b""}
            reason = f"the file cannot be read on from here: {error}"
            yield _Part(empty(), rejected_frame([where | {"reason": reason}]), 0, {})
            return
        yield _Part(empty(), rejected_frame([]), 0, {keys.stamp: stamp})

    def _jsonl(self, path: Path, resume: Resume, keys: "_Keys") -> Iterator[_Part]:
        stream, raw, digest, line, notes = _reopened(path, resume, keys)
        with raw:
            for block in blocks(stream, raw, line=line + 1, size=self._block, limit=self._max_line):
                events, rejected = self._decoder.block(block, str(path))
                half = (
                    not block.whole and rejected.height and rejected["line"][-1] == block.first + block.lines - 1
                )
                consumed = block.data[: block.data.rfind(b"\n") + 1] if half else block.data
                digest.add(consumed)
                if block.long:  # what is digested are the bytes of the file, not what was kept of them
                    digest = digest_at(path, digest.length + sum(each.length for each in block.long))
                line += block.lines - bool(half)
                if half:
                    notes += (
                        f"the last line of {path.name} has no end and cannot be taken: it may be half-written",
                    )
                yield _Part(events, rejected, block.read, keys.at(digest, line), notes)
                notes = ()

    def _csv(self, path: Path, resume: Resume, keys: "_Keys") -> Iterator[_Part]:
        stream, raw, digest, line, notes = _reopened(path, resume, keys)
        with raw:
            if digest.length == 0:
                names, header = csv_header(stream)
                digest.add(header)
                line = header.count(b"\n")
            else:
                names = _header_of(path)
            told = 0
            rows = csv_rows(stream, names, file=str(path), line=line + 1, limit=self._max_line)
            first = line
            for some in _chunks(rows):
                events, rejected = self._decoder.rows([(row.line, row.members) for row in some])
                for row in some:
                    digest.add(row.raw)
                line = first + some[-1].lines
                yield _Part(events, rejected, raw.tell() - told, keys.at(digest, line), notes)
                told, notes = raw.tell(), ()

    def _parquet(self, path: Path, resume: Resume, keys: "_Keys") -> Iterator[_Part]:
        """Parquet files do not grow: one that changed is read anew from its start."""
        size = path.stat().st_size
        notes = (_rewritten(path),) if resume.get(keys.lines) else ()
        total = pl.scan_parquet(path).select(pl.len()).collect().item() or 1
        for rows in parquet_rows(path, start=0):
            events, rejected = self._decoder.rows([(line, dict(members)) for line, members in rows])
            line = rows[-1][0].number
            yield _Part(events, rejected, size * len(rows) // total, {keys.lines: line}, notes)
            notes = ()

    def _format_of(self, path: Path, default: str | None = None) -> str:
        if self._format is not None:
            return self._format
        suffixes = [suffix for suffix in path.suffixes if suffix not in COMPRESSED]
        found = _FORMATS.get(suffixes[-1]) if suffixes else None
        if found is None and default is None:
            raise SourceError(f"{path}: the format of {path.name!r} is not known", hint='format="jsonl" says it')
        return found or str(default)


class _Keys:
    """The names under which the place in one file is kept."""

    def __init__(self, path: str) -> None:
        self.offset, self.lines = f"{path}#offset", f"{path}#lines"
        self.digest, self.stamp = f"{path}#digest", f"{path}#stamp"

    def at(self, digest: Digest, line: int) -> dict[str, int]:
        return {self.offset: digest.length, self.lines: line, self.digest: digest.number()}


def _reopened(
    path: Path, resume: Resume, keys: _Keys
) -> tuple[IO[bytes], IO[bytes], Digest, int, tuple[str, ...]]:
    """Open a file where the last pull stopped, or at its start if it is another one now."""
    offset = resume.get(keys.offset) or 0
    stream, raw, digest = open_at(path, offset)
    if offset and (digest.length != offset or digest.number() != resume.get(keys.digest)):
        raw.close()
        stream, raw, digest = open_at(path, 0)
        return stream, raw, digest, 0, (_rewritten(path),)
    return stream, raw, digest, (resume.get(keys.lines) or 0) if offset else 0, ()


def _rewritten(path: Path) -> str:
    return (
        f"{path.name} was rewritten since it was last pulled: read again from its start, "
        "events that are known already are dropped as duplicates"
    )


def _header_of(path: Path) -> list[str]:
    stream, raw, _ = open_at(path, 0)
    with raw:
        return csv_header(stream)[0]


def _one(raw: bytes) -> Any:
    return iter(raw.splitlines(keepends=True))


def _chunks(rows: Iterator[Any]) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) >= _ROWS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _batch(parts: list[_Part]) -> Batch:
    return Batch(
        events=pl.concat([empty(), *(part.events for part in parts)]),
        rejected=pl.concat([rejected_frame([]), *(part.rejected for part in parts)]),
        resume={key: number for part in parts for key, number in part.resume.items()},
        read=sum(part.read for part in parts),
        notes=tuple(note for part in parts for note in part.notes),
    )


def _stamp(path: Path) -> int:
    """Return a number that changes with the size and the time of a file."""
    stat = path.stat()
    found = hashlib.sha256(f"{stat.st_size}:{stat.st_mtime_ns}".encode()).digest()
    return int.from_bytes(found[:8], "big") >> 1


def _matching(pattern: str, wanted: str | None) -> list[Path]:
    """Return the files of a path, a folder (all known endings, recursively) or a glob, in order of path."""
    path = Path(pattern)
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file() and (wanted or _is_known(file)))
    if path.is_file():
        return [path]
    return sorted(Path(name) for name in glob.glob(pattern, recursive=True) if Path(name).is_file())  # noqa: PTH207


def _is_known(path: Path) -> bool:
    suffixes = [suffix for suffix in path.suffixes if suffix not in COMPRESSED]
    return bool(suffixes) and suffixes[-1] in _FORMATS and not path.name.startswith(".")
