"""How files are written: format, encoding, dialect of CSV, and the bounds of lines and blocks."""

import codecs
from dataclasses import dataclass, field
from typing import Final

from eventsource.errors import SourceError
from eventsource.interpreters import worker_count
from eventsource.sources._blocks import BLOCK_BYTES, MAX_LINE
from eventsource.sources._dialect import Dialect

__all__ = ["FORMATS", "FileOptions"]

FORMATS: Final = ("jsonl", "json", "csv", "parquet", "xes", "ocel")
_PARALLEL_BYTES: Final = 256 * 1024 * 1024
_DECIMALS: Final = (".", ",")


@dataclass(frozen=True)
class FileOptions:
    """How the files of a source are written; see `eventsource.source` for the arguments.

    Args:
        block: about how many bytes are read at once.
        workers: how many processes decode; None: see `worker_count`.
        parallel: from how many bytes on they do.
    """

    format: str | None = None
    encoding: str | None = None
    records: str | None = None
    dialect: Dialect = field(default_factory=Dialect)
    max_line: int = MAX_LINE
    block: int = BLOCK_BYTES
    workers: int | None = None
    parallel: int = _PARALLEL_BYTES

    def __post_init__(self) -> None:
        if self.format is not None and self.format not in FORMATS:
            raise SourceError(f"expected a format, got {self.format!r}", hint=f"formats: {', '.join(FORMATS)}")
        if self.records is not None and self.format not in (None, "json"):
            raise SourceError(f"records names an array of JSON, got format={self.format!r}", hint='format="json"')
        if self.dialect.delimiter is not None and len(self.dialect.delimiter) != 1:
            raise SourceError(
                f"expected a delimiter of one character, got {self.dialect.delimiter!r}", hint='delimiter=";"'
            )
        if self.dialect.decimal not in _DECIMALS:
            raise SourceError(
                f"expected a decimal point or comma, got {self.dialect.decimal!r}", hint='decimal=","'
            )
        worker_count(self.workers)
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except LookupError as error:
                raise SourceError(
                    f"unknown encoding {self.encoding!r}", hint='such as "cp1252", "latin-1" or "utf-16"'
                ) from error

    @property
    def named_format(self) -> str | None:
        """The format that was named; None: by the ending of each file."""
        return "json" if self.records is not None else self.format
