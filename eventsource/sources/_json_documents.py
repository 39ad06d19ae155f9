"""JSON documents, element by element: arrays, objects that hold an array, and objects one after another.

Which bytes are records, for a file that is read with ``records="Records"``, ``None`` and ``None``::

    {"Records": [{"a": 1}, {"a": 2}], "next": null}     [{"a": 1},        {"a": 1}{"a": 2}
                 └──────┘  └──────┘                      {"a": 2}]        └──────┘└──────┘

`RecordScanner` finds them without decoding. It looks at brackets outside of texts and their depth only::

    bytes       { "Records" : [ { "a" : 1 } , { "a" : 2 } ] , … }
    brackets    {             [ {         }   {         } ]     }
    depth       1             2 3         2   3         2 1     0       after each bracket
    records                     └── 3 … 2 ┘   └── 3 … 2 ┘               depth 2 is inside the array at "Records"

Records then are lines of a `Block`, numbered from 1, and are decoded as lines of JSON are. Like Parquet, such a
file is not expected to grow: if it has changed, it is read again from its start.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from eventsource.sources._blocks import BLOCK_BYTES, Block
from eventsource.sources._checkpoint import Chunk, Consumed, FileCheckpoint, UnreadableError
from eventsource.sources._compressed import DAMAGED, open_at
from eventsource.sources._json_lines import decoded_chunk
from eventsource.sources._values import is_json
from eventsource.sources._workers import Workers

__all__ = ["RecordScanner", "begins_with_bracket", "document_chunks", "is_document"]

_OBJECT, _OBJECT_END, _ARRAY, _ARRAY_END, _QUOTE, _BACKSLASH, _NEWLINE = b'{}[]"\\\n'
IntegerArray = npt.NDArray[np.int64]
BooleanArray = npt.NDArray[np.bool_]
ByteArray = npt.NDArray[np.uint8]

_BETWEEN: Final = b" \t\r\n,\x1e"
"""What may be between records; 0x1E begins each text of a JSON text sequence (RFC 7464)."""
_SNIFFED: Final = 64 * 1024
_SHOWN: Final = 10
_BOM: Final = b"\xef\xbb\xbf"


def is_document(path: Path, encoding: str | None = None) -> bool:
    """Return whether a ``.json`` file holds JSON documents, and not JSON Lines.

    It does if it begins with an array or with the mark of a text sequence, if its first line continues in the
    second, or if all is in one line but is not one object. If only the first line is broken, and the others begin
    with ``{``, they are JSON Lines.

    Raises:
        OSError: the file cannot be read; so do the other errors of `DAMAGED`.
    """
    head = _head(path, encoding)
    filled = [line for line in (line.strip(b" \t\r") for line in head.split(b"\n")) if line]
    if not filled:
        return False
    if filled[0].startswith((b"[", b"\x1e")):
        return True
    if not filled[0].startswith(b"{") or is_json(filled[0]):
        return False
    if len(filled) == 1:  # several objects in one line, or one long object
        return True
    return not filled[1].startswith(b"{")


def begins_with_bracket(path: Path, encoding: str | None = None) -> bool:
    """Return whether a text file seems to hold JSON. One that cannot be read does not."""
    try:
        return _head(path, encoding).lstrip(b" \t\r\n\x1e").startswith((b"{", b"["))
    except DAMAGED:
        return False


def _head(path: Path, encoding: str | None) -> bytes:
    reader, _ = open_at(path, 0, encoding=encoding)
    with reader:
        return reader.read(_SNIFFED).removeprefix(_BOM)


def document_chunks(
    file: FileCheckpoint, workers: Workers, *, records: str | None, size: int = BLOCK_BYTES, limit: int
) -> Iterator[Callable[[], Chunk]]:
    """Yield the records of a file, block by block: what returns a chunk, once it is decoded.

    Args:
        file: the file, and how many records the last pull took.
        workers: decode the records.
        records: the dotted path of the array that holds them; None: the document is an array, or a record itself.
        size: about how many bytes are read at once.
        limit: the most bytes of a record.

    Raises:
        UnreadableError: there is no such array, or the brackets do not match.
    """
    done, notes = file.first_row()
    yield partial(file.first_chunk, Consumed(done, None, file.content), notes)
    scanner = RecordScanner(records.split(".") if records else (), limit)
    reader, _ = open_at(file.path, 0, encoding=file.encoding)
    count = 0
    with reader:
        while True:
            data = reader.read(size)
            found = scanner.feed(data) if data else scanner.finish()
            new = found[max(done - count, 0) :]
            first, count = count + len(found) - len(new) + 1, count + len(found)
            if new:
                block = Block(b"\n".join(new) + b"\n", first, len(new))
                read = reader.tell()
                decoded = workers.decode(block, str(file.path), left=file.bytes_after(read))
                yield partial(decoded_chunk, file, decoded, read, Consumed(count, None, file.content))
            if not data:
                return


class RecordScanner:
    """Finds records in a stream of bytes; see the picture of this module.

    Between two calls it is outside of records. ``_depth`` says how many brackets are open there. With the path
    ``a.b``: 0 outside of documents, 1 in a document, 2 in the object at ``a``, 3 in the array at ``a.b``. Brackets
    elsewhere are skipped with all that is in them.

    Args:
        path: the names of the members that lead to the array; empty: the document is an array, or a record.
        limit: the most bytes of a record.
    """

    def __init__(self, path: Sequence[str], limit: int) -> None:
        self._path, self._limit = [name.encode() for name in path], limit
        self._rest = b""
        self._depth = 0
        self._has_array = not path
        self._other_members: dict[bytes, None] = {}

    def feed(self, data: bytes) -> list[bytes]:
        """Return the records that end in these bytes, each in one line.

        Raises:
            UnreadableError: a bracket closes that was not opened, or a record is longer than the limit.
        """
        if len(self._rest) > self._limit:
            raise UnreadableError(f"a record has more than {self._limit:,} bytes")
        text = _Text(self._rest + data, self._depth)
        records, end = self._scan(text)
        self._rest = text.content[end:]
        return records

    def finish(self) -> list[bytes]:
        """Return what is left at the end of the stream: an incomplete record, if there is one.

        Raises:
            UnreadableError: there was no array at the path.
        """
        if not self._has_array:
            names = b", ".join(list(self._other_members)[:_SHOWN]).decode("utf-8", "replace") or "none"
            path = b".".join(self._path).decode()
            raise UnreadableError(f"no array at {path!r}; members that hold an array or an object: {names}")
        return [_one_line(left)] if (left := self._rest.strip(_BETWEEN)) else []

    def _scan(self, text: "_Text") -> tuple[list[bytes], int]:
        """Return the records in a text, and where the last bracket ends that was handled."""
        records: list[bytes] = []
        number, end = 0, 0
        while number < len(text.brackets):
            position = text.brackets[number]
            if self._is_outside_of_objects:
                records += _between(text.content[end:position])
                end = position
            if text.steps[number] < 0:
                if not self._depth:
                    raise UnreadableError("not JSON: a bracket closes that was not opened")
                self._depth -= 1
            elif self._is_around_records(text, position):
                self._depth += 1
            else:
                number = text.close_of(number, self._depth)
                if number < 0:  # it closes in the bytes to come: all of it is scanned again then
                    break
                if self._is_outside_of_objects:
                    records.append(text.one_line(position, text.brackets[number] + 1))
            end = text.brackets[number] + 1
            number += 1
        return records, end

    @property
    def _is_outside_of_objects(self) -> bool:
        """Whether the brackets here are those of records, and there is nothing else between them."""
        return self._depth in {0, 1} if not self._path else self._depth == len(self._path) + 1

    def _is_around_records(self, text: "_Text", position: int) -> bool:
        """Return whether the bracket that opens here leads to records, rather than being one or being skipped."""
        is_array = text.content[position] == _ARRAY
        if not self._depth:
            return is_array != bool(self._path)
        if self._depth > len(self._path):
            return False
        name = text.member_before(position)
        if name == self._path[self._depth - 1] and is_array == (self._depth == len(self._path)):
            self._has_array |= is_array
            return True
        if name is not None:
            self._other_members[name] = None
        return False


class _Text:
    """The brackets of some bytes that begin outside of texts.

    Args:
        content: the bytes.
        depth: how many brackets are open at their start.
    """

    def __init__(self, content: bytes, depth: int) -> None:
        self.content = content
        array = np.frombuffer(content, np.uint8)
        self._array, self._quotes = array, _unescaped_quotes(array)
        is_opening = (array == _OBJECT) | (array == _ARRAY)
        brackets = np.flatnonzero(is_opening | (array == _OBJECT_END) | (array == _ARRAY_END))
        brackets = brackets[~self._is_inside_text(brackets)]
        steps = np.where(is_opening[brackets], 1, -1)
        self._depths = depth + np.cumsum(steps)
        self._is_close = steps < 0
        self._closes: dict[int, list[int]] = {}
        self.brackets: list[int] = brackets.tolist()
        self.steps: list[int] = steps.tolist()

    def close_of(self, number: int, depth: int) -> int:
        """Return the number of the bracket after which so many are open again; -1: it is not here."""
        if depth not in self._closes:
            self._closes[depth] = np.flatnonzero(self._is_close & (self._depths == depth)).tolist()
        closes = self._closes[depth]
        found = bisect_left(closes, number)
        return closes[found] if found < len(closes) else -1

    def member_before(self, position: int) -> bytes | None:
        """Return the name of the member whose value begins here; None: it is not the value of a member."""
        last = int(np.searchsorted(self._quotes, position)) - 1
        if last < 1 or self.content[self._quotes[last] + 1 : position].strip() != b":":
            return None
        return self.content[self._quotes[last - 1] + 1 : self._quotes[last]]

    def one_line(self, begin: int, end: int) -> bytes:
        """Return some bytes in one line. A line break inside a text is not JSON, and stays a fault."""
        record = self.content[begin:end]
        if b"\n" not in record:
            return record
        breaks = begin + np.flatnonzero(self._array[begin:end] == _NEWLINE)
        if self._is_inside_text(breaks).any():
            return record.replace(b"\n", b"\0")
        return _one_line(record)

    def _is_inside_text(self, positions: IntegerArray) -> BooleanArray:
        return np.asarray(np.searchsorted(self._quotes, positions) % 2 == 1)


def _unescaped_quotes(array: ByteArray) -> IntegerArray:
    r"""Return where texts begin and end: the quotes with an even number of backslashes before them.

    Example::

        bytes         " a \ " b \ \ "
        positions     0 1 2 3 4 5 6 7
        backslashes       2     5 6
        runs              2     5 5           where the run of each backslash begins
        quotes        0     3         7
        before        0     1         2       backslashes before: position - begin of the run
        unescaped     0               7
    """
    quotes = np.flatnonzero(array == _QUOTE)
    backslashes = np.flatnonzero(array == _BACKSLASH)
    if not len(backslashes):
        return quotes
    is_begin = np.append(True, np.diff(backslashes) > 1)
    runs = backslashes[np.maximum.accumulate(np.where(is_begin, np.arange(len(backslashes)), 0))]
    last = np.searchsorted(backslashes, quotes) - 1
    is_behind = (last >= 0) & (backslashes[last] == quotes - 1)
    return np.asarray(quotes[~is_behind | ((quotes - runs[last]) % 2 == 0)])


def _between(text: bytes) -> list[bytes]:
    """Return what is between two records and should not be there, as a record that will be rejected."""
    return [_one_line(left)] if (left := text.strip(_BETWEEN)) else []


def _one_line(text: bytes) -> bytes:
    return text.replace(b"\n", b" ")
