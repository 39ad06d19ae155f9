"""Members of many lines as lists of values: msgspec decodes each line into structs that are made from the paths.

Example: the paths ``id``, ``who.key`` and ``who``, the last one as raw JSON::

    line       {"id": "1", "who": {"key": "c", "name": "Ada"}, "more": [1, 2]}
    struct 1   Line(m0="1", m1=Line(m0="c"))         members that no path names are skipped
    struct 2   Line(m0=Raw({"key": "c", …}))         a second one, as no struct has a member and a part of it
    values     ["1"], ["c"], [Raw({"key": "c", …})]
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

import msgspec
import numpy as np

from eventsource.sources._values import MALFORMED

__all__ = ["NEEDED", "DecodedLines", "LineStructs", "Member"]

Path = tuple[str, ...]
"""The names of members, from the outside in."""

NEEDED: Final = msgspec.NODEFAULT
_FEW: Final = 256
"""If none of so many lines can be decoded, the others are not tried."""
_BRACE, _CLOSING, _RETURN, _NEWLINE = b"{}\r\n"


@dataclass(frozen=True, slots=True)
class Member:
    """A member to decode: its type, and its value where it is absent (`NEEDED`: the line is refused)."""

    type: Any
    default: Any = NEEDED


@dataclass(frozen=True, slots=True)
class DecodedLines:
    """The lines that could be decoded.

    Args:
        structs: per decoder, one struct per line.
        rows: which of the lines they are, from 0; None: all of them.
        left: which lines could not be decoded, blank ones among them.
    """

    structs: Sequence[list[Any]]
    rows: Sequence[int] | None
    left: Sequence[int] = ()


class LineStructs:
    """Decodes lines into structs.

    Args:
        members: path → member.

    Raises:
        ValueError: a struct cannot have a member of that name.
    """

    def __init__(self, members: Mapping[Path, Member]) -> None:
        self._getters: dict[Path, tuple[int, Callable[[Any], Any]]] = {}
        trees: list[dict[str, Any]] = []
        for path, member in members.items():
            number = next((n for n, tree in enumerate(trees) if _add(tree, path, member)), len(trees))
            if number == len(trees):
                trees.append({})
                _add(trees[-1], path, member)
            self._getters[path] = (number, attrgetter(_attribute(trees[number], path)))
        self._decoders = [msgspec.json.Decoder(_struct(tree)) for tree in trees]

    def values(self, decoded: DecodedLines, path: Path) -> list[Any]:
        """Return the values at a path, one per decoded line."""
        number, get = self._getters[path]
        return list(map(get, decoded.structs[number]))

    def decode(self, data: bytes, count: int, lines: Callable[[], Sequence[bytes]]) -> DecodedLines:
        """Decode some lines, all at once if each has one object.

        Args:
            data: the lines, which are UTF-8.
            count: how many there are.
            lines: returns them one by one.
        """
        if _has_an_object_per_line(data, count):
            try:
                structs = [decoder.decode_lines(data) for decoder in self._decoders]
            except MALFORMED:
                return self.decode_each(lines())
            if all(len(each) == count for each in structs):
                return DecodedLines(structs, None)
        return self.decode_each(lines())

    def decode_each(self, lines: Sequence[bytes]) -> DecodedLines:
        """Decode lines one by one: one that cannot be decoded costs itself only."""
        decoders = [decoder.decode for decoder in self._decoders]
        decode = decoders[0] if len(decoders) == 1 else lambda line: [each(line) for each in decoders]
        structs: list[Any] = []
        rows: list[int] = []
        left: list[int] = []
        for row, line in enumerate(lines):
            try:
                structs.append(decode(line))
            except MALFORMED:
                left.append(row)
                if len(left) == _FEW and not rows:
                    left = list(range(len(lines)))
                    break
            else:
                rows.append(row)
        if len(decoders) == 1:
            return DecodedLines([structs], rows, left)
        return DecodedLines(
            [list(each) for each in zip(*structs, strict=True)] or [[]] * len(decoders), rows, left
        )


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


def _attribute(tree: Mapping[str, Any], path: Path) -> str:
    """Return the attribute of a struct that has the member at a path."""
    names = []
    branch: Any = tree
    for key in path:
        names.append(f"m{list(branch).index(key)}")
        branch = branch[key]
    return ".".join(names)


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


def _has_an_object_per_line(data: bytes, count: int) -> bool:
    r"""Return whether no object spans lines; the decoder also accepts two objects in one line.

    The bytes ``}``, end of line (also ``\r\n``), ``{`` occur between two objects only, never inside an object. If
    all lines end and begin so, there are at least ``count`` objects.
    """
    if not data.startswith(b"{"):
        return False
    bytes_ = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(bytes_ == _NEWLINE)[: count - 1]
    before = bytes_[ends - 1]
    before = np.where(before == _RETURN, bytes_[ends - 2], before)
    return bool((before == _CLOSING).all() and (bytes_[ends + 1] == _BRACE).all())
