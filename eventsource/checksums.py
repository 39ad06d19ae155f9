"""Checksums of derived files: whether a file still holds the bytes that were written.

Disks, copies and other programs change files. A column of numbers with one changed bit is still a valid file, and
would be answered. So each derived file has a checksum, which is the last part of its name::

    part-1a2b3c4d5e6f7a8b-9c8b7a6f.parquet
                          └──────┘ of the whole file, eight hexadecimal digits

A process computes the checksum of a file when it opens it for the first time, and remembers it for as long as the
size and the times of the file stay the same. To cost little beside the question that reads the file, it is the
CRC-32 of column sums::

    bytes of a file     0 … 4071      4072 … 8143     …      509 words of 64 bits in a row, 256 rows in a block
                        ──────── + ──────────── + … =        509 sums, which wrap around
    checksum            CRC-32 over the sums of all blocks, and the size of the file

Every change of one row is noticed. Changes of several rows cancel each other only in the same column of a block;
two sectors of a disk do not, since a row is not as long as one. One in four billion random changes is missed. It
does not protect from a person who changes a file and renames it.
"""

import zlib
from functools import lru_cache
from io import RawIOBase
from pathlib import Path
from typing import Final

import numpy as np

__all__ = ["DamagedFileError", "check_content", "checksum", "forget_checksums", "name_by_content"]

_ROWS, _WORDS = 256, 509  # a block of a megabyte stays in the cache of a processor; 509 is prime
_REMEMBERED: Final = 4096  # checksums


class DamagedFileError(FileNotFoundError):
    """A derived file has other content than was written. It counts as absent, and is written again."""


def checksum(data: bytes) -> str:
    """Return the checksum of some bytes."""
    return f"{zlib.crc32(data):08x}"


def check_content(path: Path) -> None:
    """Check that a file has the content that its name says.

    Raises:
        DamagedFileError: it has other content, or cannot be read.
        FileNotFoundError: it does not exist.
    """
    try:
        file = path.stat()
        found = _remembered(path, file.st_size, file.st_mtime_ns, file.st_ctime_ns)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DamagedFileError(f"{path} cannot be read: {error}") from error
    if found != path.stem.rpartition("-")[2]:
        raise DamagedFileError(f"{path} has the checksum {found}")


def name_by_content(draft: Path, path: Path) -> Path:
    """Rename a finished file to ``path``, with its checksum at the end of the stem; return the new path."""
    return draft.replace(path.with_stem(f"{path.stem}-{_checksum_of_file(draft)}"))


def forget_checksums() -> None:
    """Compute all checksums again, also those of files whose size and times have not changed."""
    _remembered.cache_clear()


@lru_cache(_REMEMBERED)
def _remembered(path: Path, *_stamp: int) -> str:
    return _checksum_of_file(path)


def _checksum_of_file(path: Path) -> str:
    found, total = 0, 0
    block = np.zeros((_ROWS, _WORDS), "<u8")
    data = block.data.cast("B")
    with path.open("rb", buffering=0) as file:
        while size := _fill(data, file):
            data[size:] = bytes(len(data) - size)
            found = zlib.crc32(np.add.reduce(block, axis=0), found)
            total += size
    return f"{zlib.crc32(total.to_bytes(8, 'little'), found):08x}"


def _fill(data: memoryview, file: RawIOBase) -> int:
    """Read until a buffer is full or the file ends; a network drive may give less at a time. Return the size."""
    filled = 0
    while size := file.readinto(data[filled:]):
        filled += size
    return filled
