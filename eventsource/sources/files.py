"""Files as a source, plain or compressed, as globs and folders; read in the order of paths, in bounded memory."""

import gzip
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import polars as pl

from eventsource.allocation import keep_freed_memory
from eventsource.errors import SourceError
from eventsource.event import Batch, Checkpoint, SourceLag, rejected_lines
from eventsource.interpreters import in_order, worker_count
from eventsource.messages import counted, noun
from eventsource.sources._batches import batch_of, payload_bytes
from eventsource.sources._checkpoint import Chunk, Consumed, FileCheckpoint, UnreadableError
from eventsource.sources._compressed import DAMAGED, as_in_file, as_utf8
from eventsource.sources._contents import hint_for
from eventsource.sources._csv import csv_chunks
from eventsource.sources._decoder import Decoder
from eventsource.sources._file_lag import file_lag
from eventsource.sources._formats import FORMATS, ending_of
from eventsource.sources._json_documents import begins_with_bracket, document_chunks, is_document
from eventsource.sources._json_lines import json_chunks
from eventsource.sources._ocel import ocel_rows
from eventsource.sources._options import FileOptions
from eventsource.sources._parquet import parquet_chunks
from eventsource.sources._patterns import matching_files, short_name
from eventsource.sources._records import LineMapping
from eventsource.sources._retry import FileRetry
from eventsource.sources._rows import row_chunks
from eventsource.sources._times import TimeReader
from eventsource.sources._workers import Workers
from eventsource.sources._xes import xes_rows
from eventsource.texts import is_text

__all__ = ["Files"]

_DEFAULT: Final = FileOptions()
_BATCH_ROWS: Final = 250_000
_BATCH_BYTES: Final = 64 * 1024 * 1024


class Files:
    """Files of events; see `eventsource.source` for the arguments.

    ``digest`` is a number that tells one mapping from another, for the checkpoint.
    """

    def __init__(
        self,
        paths: str | Path | Sequence[str | Path],
        *,
        mapping: LineMapping,
        times: TimeReader | None = None,
        options: FileOptions = _DEFAULT,
        digest: int = 0,
    ) -> None:
        some = [paths] if isinstance(paths, str | Path) else paths
        self._patterns = [os.path.expanduser(path) for path in some]  # noqa: PTH111 - a glob is not a path
        self._options, self._format, self._digest = options, options.named_format, digest
        self._times = times or TimeReader("UTC", None)
        self._times_of_rows = mapping.times_of_rows
        self._is_event_a_line = mapping.fields_of_lines is not None and options.encoding is None
        self._decoder = Decoder(self.name, mapping, self._times, partial(short_name, self._patterns))

    def __repr__(self) -> str:
        return f"<source {';'.join(map(str, self._patterns))!r}>"

    @property
    def name(self) -> str:
        """The absolute paths and globs: stable as long as the files are not moved."""
        return ";".join(os.path.abspath(pattern) for pattern in self._patterns)  # noqa: PTH100 - folds ".."

    @property
    def size(self) -> int | None:
        """Bytes of all files, as they are on disk; files that are skipped count as read."""
        return sum(path.stat().st_size for path in self.paths)

    @property
    def paths(self) -> list[Path]:
        """The files that exist now, each once, as absolute paths, sorted within each path, folder or glob.

        Raises:
            SourceError: no file exists, or one has an unknown format.
        """
        return list(self._find_files()[0].values())

    def files(self) -> list[str]:
        """Return the names that the existing files have in `REJECTED`; an empty list if no file exists."""
        return [str(path) for path in self._match_patterns()[0].values()]

    def lag(self, checkpoint: Checkpoint) -> SourceLag:
        """Return how many lines come after a checkpoint (None: not known), and since when they are there."""
        files = [self._checkpoint_of(path, name, checkpoint) for name, path in self._find_files()[0].items()]
        return file_lag([(file, self._is_event_a_line and file.path.suffix == ".jsonl") for file in files])

    def batches(self, checkpoint: Checkpoint) -> Iterator[Batch]:
        """Yield what is new in the files, in batches of about 250,000 events or 64 MB."""
        keep_freed_memory()
        rows = size = read = 0
        paths, logs = self._find_files()
        notes = tuple(f"{log} is a log: its own files are skipped" for log in logs)
        chunks = [Chunk(notes=notes)] if notes else []
        with Workers(self._decoder, worker_count(self._options.workers), self._options.parallel) as workers:
            later = (
                each for name, path in paths.items() for each in self._read_file(path, name, checkpoint, workers)
            )
            for chunk in in_order(later, lambda: workers.ahead):
                chunks.append(chunk)
                read += chunk.read
                rows += chunk.events.height + chunk.rejected.height
                size += payload_bytes(chunk)
                if rows >= _BATCH_ROWS or size >= _BATCH_BYTES:
                    yield batch_of(chunks, read)
                    chunks, rows, size, read = [], 0, 0, 0
            chunks += [Chunk(notes=found) for found in (workers.notes, self._zone_notes()) if found]
        if chunks:
            yield batch_of(chunks, read)

    def _zone_notes(self) -> tuple[str, ...]:
        """Return a note about the times that named no zone, and forget them."""
        count, self._times.without_zone = self._times.without_zone, 0
        note = f"{counted(count, 'time')} {noun(count, 'names', 'name')} no zone: taken as {self._times.tz}"
        return (note,) if count else ()

    def decode(self, rejected: pl.DataFrame) -> Batch:
        """Decode rejected lines again. Rows of CSV need the header of their file, long lines need their file."""
        chunks = []
        encoding = self._options.encoding
        for group in _with_raw(rejected, as_utf8, encoding).partition_by("file", maintain_order=True):
            path = Path(group["file"][0] or "")
            retry = FileRetry(path, self._format_of(path, default="jsonl"), self._decoder, self._options)
            events, left = retry.decode(group)
            left = _with_raw(left.with_columns(pl.lit(self.name).alias("source")), as_in_file, encoding)
            chunks.append(Chunk(events, left))
        return batch_of(chunks, 0)

    def _find_files(self) -> tuple[dict[str, Path], list[Path]]:
        """Return the files as in `paths` by their real path, and the logs among the folders, which are skipped."""
        files, logs = self._match_patterns()
        if not files:
            raise SourceError(
                f"no file matches {', '.join(self._patterns)}", hint="name a file, a folder or a glob that exists"
            )
        for path in files.values():
            if not is_text(str(path)):
                raise SourceError(f"{str(path)!r}: UTF-8 cannot encode the name of this file", hint="rename it")
            self._format_of(path)
        return files, logs

    def _match_patterns(self) -> tuple[dict[str, Path], list[Path]]:
        files: dict[str, Path] = {}
        logs: set[Path] = set()
        for pattern in self._patterns:
            matching, skipped = matching_files(pattern, self._is_wanted)
            logs |= skipped
            for name, path in matching.items():
                files.setdefault(name, path)
        return files, sorted(logs)

    def _is_wanted(self, file: Path) -> bool:
        """Return whether a file of a folder is one of events: a text with another ending must be named."""
        return self._format is not None or FORMATS.get(ending_of(file), "text") != "text"

    def _read_file(
        self, path: Path, name: str, stored: Checkpoint, workers: Workers
    ) -> Iterator[Callable[[], Chunk]]:
        """Yield what returns the new chunks of one file, in order.

        A damaged file also has one rejected entry about itself.
        """
        try:
            file = self._checkpoint_of(path, name, stored)
        except OSError as error:
            rejected = self._unreadable(path, Consumed(), error)
            yield lambda: Chunk(rejected=rejected)
            return
        if file.has_other_mapping():
            yield lambda: Chunk(has_other_mapping=True)
        if file.is_done:
            yield lambda: Chunk(read=file.size)
            return
        taken = _Taken(file)
        try:
            for later in self._chunks(file, workers):
                yield partial(taken.chunk, later)
        except (*DAMAGED, UnreadableError) as error:
            yield partial(self._damaged, taken, error)
            return
        yield taken.end

    def _damaged(self, taken: "_Taken", error: Exception) -> Chunk:
        """Return the end of a damaged file: an entry about itself."""
        # Another attempt may succeed after an OSError, but not after damaged content: that file is done.
        is_temporary = isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile)
        rejected = self._unreadable(taken.file.path, taken.consumed, error)
        return replace(taken.end(), rejected=rejected, checkpoint={} if is_temporary else taken.file.end())

    def _checkpoint_of(self, path: Path, name: str, stored: Checkpoint) -> FileCheckpoint:
        lines = 2 if self._format_of(path) == "csv" else 1
        encoding = self._options.encoding
        return FileCheckpoint(path, name, stored, lines=lines, encoding=encoding, mapping=self._digest)

    def _chunks(self, file: FileCheckpoint, workers: Workers) -> Iterator[Callable[[], Chunk]]:
        format_ = self._format_of(file.path)
        options, size, limit = self._options, self._options.block, self._options.max_line
        times = self._times_of_rows
        if format_ == "json" and (self._format == "json" or is_document(file.path, options.encoding)):
            return document_chunks(file, workers, records=options.records, size=size, limit=limit)
        if format_ in ("json", "jsonl"):
            return json_chunks(file, workers, size=size, limit=limit)
        if format_ == "csv":
            return csv_chunks(file, workers, dialect=options.dialect, size=size, limit=limit, times=times)
        if format_ == "parquet":
            chunks = parquet_chunks(file, self._decoder, times=times)
        else:
            rows = xes_rows(file.path) if format_ == "xes" else ocel_rows(file.path, limit=limit)
            chunks = row_chunks(file, self._decoder, rows)
        return (partial(_itself, chunk) for chunk in chunks)

    def _unreadable(self, path: Path, consumed: Consumed, error: Exception) -> pl.DataFrame:
        """Return an entry about the whole file: its ``raw`` is empty."""
        line, offset = consumed.lines, consumed.offset or 0
        where = f"after line {line:,} ({offset:,} bytes, uncompressed)" if line else "at all"
        reason = f"the file cannot be read {where}: {error}"
        entry = {"source": self.name, "file": str(path), "line": line + 1, "reason": reason, "raw": b""}
        return rejected_lines([entry])

    def _format_of(self, path: Path, default: str | None = None) -> str:
        if self._format is not None:
            return self._format
        found = FORMATS.get(ending_of(path))
        if found == "text":
            return "json" if begins_with_bracket(path, self._options.encoding) else "csv"
        if found is None and default is None:
            raise SourceError(
                f"{path}: expected a file ending in {', '.join(FORMATS)}, got {path.name!r}",
                hint=hint_for(path) or 'name the format, such as format="jsonl"',
            )
        return found or str(default)


class _Taken:
    """What was taken of a file so far, chunk by chunk."""

    def __init__(self, file: FileCheckpoint) -> None:
        self.file, self.consumed = file, file.consumed
        self._is_unfinished, self._read = False, 0

    def chunk(self, later: Callable[[], Chunk]) -> Chunk:
        """Return the next chunk, with its numbers for the log, and only the bytes that were read for it."""
        chunk = later()
        self.consumed, self._is_unfinished = chunk.consumed or self.consumed, chunk.is_unfinished
        self.file.taken += chunk.events.height
        rejected = _with_raw(chunk.rejected, as_in_file, self.file.encoding)
        numbers, read = self.file.numbers(chunk.consumed), self._more(chunk.read)
        return replace(chunk, rejected=rejected, checkpoint=numbers, read=read)

    def end(self) -> Chunk:
        """Return the end of the file."""
        return Chunk(read=self._more(self.file.size), checkpoint=self.file.end(is_unfinished=self._is_unfinished))

    def _more(self, read: int) -> int:
        before, self._read = self._read, max(self._read, read)
        return self._read - before


def _with_raw(
    rejected: pl.DataFrame, change: Callable[[bytes, str | None], bytes], encoding: str | None
) -> pl.DataFrame:
    """Return rejected lines with their bytes in another encoding."""
    if encoding is None or rejected.is_empty():
        return rejected
    return rejected.with_columns(pl.Series("raw", [change(raw, encoding) for raw in rejected["raw"]], pl.Binary))


def _itself(chunk: Chunk) -> Chunk:
    return chunk
