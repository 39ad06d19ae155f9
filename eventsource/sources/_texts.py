r"""Texts of the envelope with several parts: ``event_id=["auditID", "stage"]``, ``stream="{org}/{user}"``.

Example: a line of ``audit.jsonl``, the 7th, with the type ``get``::

    line                    {"auditID": "a:1", "stage": "Done"}
    "auditID"               a:1                    a path
    ["auditID", "stage"]    a\:1:Done              several parts, joined by ":", so that parts never run together
    "{stage}/{auditID}"     Done/a:1               a pattern, joined as it says
    "@line"                 audit.jsonl:7          a part that no member holds
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from eventsource.errors import SourceError
from eventsource.sources._values import is_null, json_text, read_text

__all__ = ["DIGEST_BYTES", "RECORD_MEMBERS", "SPECIAL_PARTS", "Origin", "TextColumn", "is_record_member"]

_PLACEHOLDER: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
DIGEST_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a record comes from.

    Args:
        file: the file, relative to the folder or glob of its source.
        line: the number of the line, row or element of the file, from 1.
        raw: the bytes of the line; a row of a table has none.
        element: the number of the element, from 0, if the line was exploded.
    """

    file: str
    line: int
    raw: bytes = b""
    element: int | None = None


def _hash(record: Mapping[str, Any], origin: Origin) -> str:
    content = origin.raw or json_text(record).encode()
    element = b"" if origin.element is None else b"#%d" % origin.element
    return hashlib.blake2b(content + element, digest_size=DIGEST_BYTES).hexdigest()


def _line(_: Mapping[str, Any], origin: Origin) -> str:
    return f"{origin.file}:{origin.line}" + ("" if origin.element is None else f":{origin.element}")


_SPECIAL: Final[Mapping[str, Callable[[Mapping[str, Any], Origin], str]]] = {
    "@line": _line,
    "@hash": _hash,
    "@file": lambda _, origin: origin.file,
    "@index": lambda _, origin: str(origin.element or 0),
}
SPECIAL_PARTS: Final[Mapping[str, str]] = {
    "@line": "the file and the number of the line (and of the element); stable if files are only appended to",
    "@hash": "a hash of the whole line (and of the element's number); equal lines are duplicates",
    "@file": "the file",
    "@index": "the number of the element that explode took, from 0",
    "@type": "the type of the event",
}
"""What a part that begins with ``@`` means. Texts are relative to the folder or glob of the source."""

RECORD_MEMBERS: Final[Mapping[str, str]] = {
    "@key": "the key of the message",
    "@headers": "its headers, an object: `@headers.type`",
    "@place": "where it is: the table, or the topic and the partition",
    "@position": "its number there, such as its offset",
    "@time": "when the server recorded it",
}
"""Members that a record of a store has beside those of its value; lines of files have none of them."""


def is_record_member(path: str) -> bool:
    """Return whether a path is that of one of `RECORD_MEMBERS`, or is below one."""
    return path.removesuffix("?").partition(".")[0] in RECORD_MEMBERS


@dataclass(frozen=True)
class TextColumn:
    """How a text column of the envelope is made.

    Args:
        name: the column.
        given: a path, a part such as ``@line``, a pattern with ``{path}`` in it, or a list of paths and parts. In
            a pattern or a list, ``path?`` is an empty text where the member is absent, and the last alternative
            may be a part: ``{uuid|@hash}``.

    Raises:
        SourceError: a part is unknown, or ``given`` is neither a text nor a list of texts.
    """

    name: str
    given: str | Sequence[str]

    def __post_init__(self) -> None:
        parts = [self.given] if isinstance(self.given, str) else self.given
        if not parts or not all(isinstance(part, str) for part in parts):
            raise SourceError(
                f"{self.name}: expected a path or a list of paths, got {self.given!r}",
                hint=f'{self.name}="id", or {self.name}=["stream", "id"]',
            )
        for part in self.parts:
            last = part.split("|")[-1]
            if last.startswith("@") and last not in SPECIAL_PARTS and not is_record_member(last):
                raise SourceError(
                    f"{self.name}: unknown part {part!r}", hint=f"parts: {', '.join(SPECIAL_PARTS)}, or a path"
                )

    @property
    def is_path(self) -> bool:
        """Whether the text is that of one member."""
        if not isinstance(self.given, str) or self._is_pattern:
            return False
        return not self.given.startswith("@") or is_record_member(self.given)

    @property
    def parts(self) -> list[str]:
        """The paths, and parts such as ``@line``, that the text is made of."""
        if not isinstance(self.given, str):
            return list(self.given)
        return self._placeholders if self._is_pattern else [self.given]

    @property
    def is_list(self) -> bool:
        """Whether parts are escaped, and joined by ``:``."""
        return not isinstance(self.given, str)

    @cached_property
    def pieces(self) -> list[tuple[str, bool]]:
        """What the text consists of, in order: parts (true), and what a pattern has between them (false)."""
        if not self._is_pattern:
            return [(part, True) for part in self.parts]
        found, end, text = [], 0, str(self.given)
        for match in _PLACEHOLDER.finditer(text):
            literal = _literal(match)
            found += [(text[end : match.start()] + literal, False), *([] if literal else [(match[1], True)])]
            end = match.end()
        return [(piece, is_part) for piece, is_part in (*found, (text[end:], False)) if piece or is_part]

    @property
    def paths(self) -> list[str]:
        """The paths of members that the text is made of."""
        return [part for part in self.parts if not part.startswith("@") or is_record_member(part)]

    def text(self, record: Mapping[str, Any], find: Callable[[str], Any], origin: Origin, kind: str) -> str:
        """Return the text for one record.

        Args:
            record: the members of the record.
            find: returns the member at a path; None: it is absent.
            origin: where the record comes from.
            kind: the type of the event.

        Raises:
            LineError: a member is missing, empty, or not a text.
        """

        def part_of(part: str) -> str:
            if part == "@type":
                return kind
            if part in _SPECIAL:
                return _SPECIAL[part](record, origin)
            value = find(part.removesuffix("?"))
            if is_null(value):
                *_, last = part.split("|")
                if last in _SPECIAL:
                    return _SPECIAL[last](record, origin)
                if part.endswith("?"):
                    return ""
            return read_text(self._label(part), value)

        if not isinstance(self.given, str):
            return ":".join(_escape(part_of(part)) for part in self.given)
        if not self._is_pattern:
            return part_of(self.given)
        return _PLACEHOLDER.sub(lambda found: _literal(found) or part_of(found[1]), self.given)

    def _label(self, part: str) -> str:
        return self.name if part == self.name else f"{self.name} ({part})"

    @property
    def _is_pattern(self) -> bool:
        return isinstance(self.given, str) and "{" in self.given

    @property
    def _placeholders(self) -> list[str]:
        return [found[1] for found in _PLACEHOLDER.finditer(str(self.given)) if not _literal(found)]


def _literal(found: re.Match[str]) -> str:
    """Return the brace that a doubled brace means; an empty text for a placeholder."""
    return found[0][0] if found[1] is None else ""


def _escape(part: str) -> str:
    r"""Return a part in which ``:`` is ``\:``, so that ("a:b", "c") and ("a", "b:c") stay different."""
    return part.replace("\\", "\\\\").replace(":", "\\:") if ":" in part or "\\" in part else part
