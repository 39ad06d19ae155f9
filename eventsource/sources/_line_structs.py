"""Members of many lines as lists of values: msgspec decodes each line into structs that are made from the paths.

Example: the paths ``id``, ``who.key`` and ``who``, the last one as raw JSON::

    line       {"id": "1", "who": {"key": "c", "name": "Ada"}, "more": [1, 2]}
    struct 1   Line(m0="1", m1=Line(m0="c"))         members that no path names are skipped
    struct 2   Line(m0=Raw({"key": "c", …}))         a second one, as no struct has a member and a part of it
    values     ["1"], ["c"], [Raw({"key": "c", …})]
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from typing import Any, Final

import msgspec
import numpy as np
from msgspec.structs import astuple

from eventsource.sources._lines import Lines, Mask
from eventsource.sources._values import MALFORMED

__all__ = ["NEEDED", "DecodedLines", "LineStructs", "Member"]

Path = tuple[str, ...]
"""The names of members, from the outside in."""

NEEDED: Final = msgspec.NODEFAULT
_FEW: Final = 256
"""If none of so many lines can be decoded, the others are not tried."""
_MANY: Final = 512
"""How many lines are decoded at once."""
_HANDFUL: Final = 8
"""So many lines are decoded one by one, where they cannot be decoded at once."""
_BRACE, _CLOSING, _RETURN = b"{}\r"


@dataclass(frozen=True, slots=True)
class Member:
    """A member to decode: its type, and its value where it is absent (`NEEDED`: the line is refused)."""

    type: Any
    default: Any = NEEDED


class DecodedLines:
    """The members of the lines that could be decoded.

    Structs become columns segment by segment, while they are in the cache of the processor.

    Args:
        widths: per decoder, how many members its structs have.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        self.height = 0
        """How many lines could be decoded."""
        self.columns: list[list[list[Any]]] = [[[] for _ in range(width)] for width in widths]
        """Per decoder and member of its structs, the values of the decoded lines."""
        self.left: Sequence[int] = []
        """Which lines could not be decoded, from 0, blank ones among them."""

    def add(self, structs: Sequence[Sequence[Any]]) -> None:
        """Add structs: per decoder, one for each of the next lines."""
        self.height += len(structs[0])
        for columns, found in zip(self.columns, structs, strict=True):
            for column, values in zip(columns, zip(*map(astuple, found), strict=True), strict=True):
                column.extend(values)


class LineStructs:
    """Decodes lines into structs.

    Args:
        members: path → member.

    Raises:
        ValueError: a struct cannot have a member of that name.
    """

    def __init__(self, members: Mapping[Path, Member]) -> None:
        self._getters: dict[Path, tuple[int, int, Callable[[Any], Any] | None]] = {}
        trees: list[dict[str, Any]] = []
        for path, member in members.items():
            number = next((n for n, tree in enumerate(trees) if _add(tree, path, member)), len(trees))
            if number == len(trees):
                trees.append({})
                _add(trees[-1], path, member)
            column, *inner = _attributes(trees[number], path)
            get = attrgetter(".".join(f"m{each}" for each in inner)) if inner else None
            self._getters[path] = (number, column, get)
        self._decoders = [msgspec.json.Decoder(_struct(tree)) for tree in trees]
        self._widths = [len(tree) for tree in trees]

    def values(self, decoded: DecodedLines, path: Path) -> Sequence[Any]:
        """Return the values at a path, one per decoded line."""
        number, column, get = self._getters[path]
        found = decoded.columns[number][column]
        return found if get is None else list(map(get, found))

    def decode(self, lines: Lines, is_valid: Mask | None = None) -> DecodedLines:
        """Decode some lines, many at once: one that cannot be decoded costs the few around it.

        Example: 300 lines. Line 100 does not end like an object, and line 216 lacks a member::

            0–99             decoded at once
            100              decoded alone: there may be an object between blanks; if not, it is left
            101–299          cannot be decoded at once, so in halves:
              101–199          decoded at once
              200–299          cannot be decoded at once, so in halves, …, of 8 lines one by one: 216 is left

        Args:
            lines: the lines.
            is_valid: which of them are UTF-8, the others are left; None: all of them.
        """
        found, left, count = DecodedLines(self._widths), list[int](), len(lines)
        has_an_object = _has_an_object(lines)
        if is_valid is not None:
            has_an_object &= is_valid
        changes = np.flatnonzero(has_an_object[1:] != has_an_object[:-1]) + 1
        for begin, end in pairwise([0, *changes.tolist(), count]):
            for low in range(begin, end, _MANY):
                decode = self._decode_span if has_an_object[low] else self._decode_each
                left += decode(lines, low, min(low + _MANY, end), is_valid, found)
                if not found.height and len(left) >= _FEW:
                    found.left = range(count)
                    return found
        found.left = left
        return found

    def _decode_span(
        self, lines: Lines, low: int, high: int, is_valid: Mask | None, found: DecodedLines
    ) -> list[int]:
        """Decode lines that begin and end like an object, and add them; return which cannot be decoded."""
        segment = memoryview(lines.data)[lines.begins[low] : lines.begins[high]]
        try:
            structs = [decoder.decode_lines(segment) for decoder in self._decoders]
        except MALFORMED:
            structs = []
        if structs and all(len(each) == high - low for each in structs):
            found.add(structs)
            return []
        if high - low <= _HANDFUL:
            return self._decode_each(lines, low, high, is_valid, found)
        middle = (low + high) // 2
        left = self._decode_span(lines, low, middle, is_valid, found)
        return left + self._decode_span(lines, middle, high, is_valid, found)

    def _decode_each(
        self, lines: Lines, low: int, high: int, is_valid: Mask | None, found: DecodedLines
    ) -> list[int]:
        """Decode lines one by one and add them; return which cannot be decoded."""
        left = []
        structs: list[list[Any]] = [[] for _ in self._decoders]
        for row, line in enumerate(lines.some(range(low, high)), low):
            if is_valid is not None and not is_valid[row]:
                left.append(row)
                continue
            try:
                mine = [decoder.decode(line) for decoder in self._decoders]
            except MALFORMED:
                left.append(row)
            else:
                for some, more in zip(structs, mine, strict=True):
                    some.append(more)
        if structs[0]:
            found.add(structs)
        return left


def _add(tree: dict[str, Any], path: Path, member: Member) -> bool:
    """Add a member to a tree of members; return false if it has a member above or below it."""
    *above, last = path
    branch: Any = tree
    for key in above:
        branch = branch.get(key, {})
        if not isinstance(branch, dict):
            return False
    if last in branch:
        return False
    branch = tree
    for key in above:
        branch = branch.setdefault(key, {})
    branch[last] = member
    return True


def _attributes(tree: Mapping[str, Any], path: Path) -> list[int]:
    """Return the numbers of the attributes that lead to the member at a path, from a struct inwards."""
    numbers = []
    branch: Any = tree
    for key in path:
        numbers.append(list(branch).index(key))
        branch = branch[key]
    return numbers


def _struct(tree: Mapping[str, Any]) -> type[msgspec.Struct]:
    """Return a struct with the members of a tree; an object is needed if one of its members is."""
    fields: list[tuple[str, Any, Any]] = []
    for number, member in enumerate(tree.values()):
        if isinstance(member, Member):
            fields.append((f"m{number}", member.type, member.default))
        else:
            inner = _struct(member)
            default = NEEDED if _is_needed(member) else msgspec.field(default_factory=inner)
            fields.append((f"m{number}", inner, default))
    names = {f"m{number}": key for number, key in enumerate(tree)}
    return msgspec.defstruct("Line", fields, rename=names, gc=False, kw_only=True)


def _is_needed(tree: Mapping[str, Any]) -> bool:
    return any(
        member.default is NEEDED if isinstance(member, Member) else _is_needed(member) for member in tree.values()
    )


def _has_an_object(lines: Lines) -> Mask:
    r"""Return which lines begin and end like an object.

    The decoder also accepts two objects in one line, and one that spans lines. The bytes ``}``, end of line (also
    ``\r\n``), ``{`` occur between two objects only, never inside an object. If all of some lines begin and end so,
    they have at least one object each; and if they have as many objects as lines, each has one.
    """
    bytes_, begins = np.frombuffer(lines.data, np.uint8), lines.begins
    last = bytes_[np.maximum(begins[1:] - 2, 0)]
    last = np.where(last == _RETURN, bytes_[np.maximum(begins[1:] - 3, 0)], last)
    found: Mask = (bytes_[begins[:-1]] == _BRACE) & (last == _CLOSING)
    return found
