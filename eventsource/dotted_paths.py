r"""Dotted paths: the names by which models and reports address the members of a JSON payload.

The payload ``{"customer": {"name": "Ada", "zip.code": 1}, "items": [{"sku": "a"}, {"sku": "b"}]}`` has these
members, among others::

    path                       value
    customer                   an object
    customer.name              "Ada"
    customer."zip.code"        1        a name that contains . or [ is in quotes, and written as JSON writes it
    items[0].sku               "a"      the first element of an array
    items[-1].sku              "b"      the last one
    items[sku=b].sku           "b"      the first element whose member sku is b

    @type, @stream …           what the envelope of the event holds; a member of that name is in quotes: "@type"

An element is chosen by a member that is a text, a number or a boolean, compared as the text that JSON writes for
it. The member may be a path of names (``[meta.key=b]``), and the value in quotes (``[sku="a]b"]``). An element
that is not there is absent.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from eventsource.texts import is_text

__all__ = ["ENVELOPE_PATHS", "Match", "PathOfMember", "PathStep", "dotted_paths", "parse_path"]

_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_NAME: Final = re.compile(rf'{_QUOTED}|[^.\["][^.\[]*')
_INSIDE: Final = rf'(?:{_QUOTED}|[^.\[\]="]+)'
_ELEMENT: Final = re.compile(
    rf'\[(?:(?P<index>-?\d+)|(?P<path>{_INSIDE}(?:\.{_INSIDE})*)=(?P<value>{_QUOTED}|[^\]"][^\]]*))\]', re.ASCII
)
_QUOTE: Final = '"'
_PLAIN: Final = re.compile(r'[^."\[][^.\[]*')
"""A name that needs no quotes."""


ENVELOPE_PATHS: Final = ("@event_id", "@occurred_at", "@position", "@recorded_at", "@stream", "@type", "@version")
"""The paths that lead into the envelope of an event, not into its payload: ``@`` and the name of a column."""


class Match(NamedTuple):
    """The first element of an array whose member has a value.

    Args:
        names: the names that lead from the element to the member.
        value: its value, as text.
    """

    names: tuple[str, ...]
    value: str


PathStep = str | int | Match
"""A step of a path: to the member of a name, to the element at an index, or to the element that has a value."""


class PathOfMember(NamedTuple):
    """One member of a payload.

    Args:
        path: its dotted path.
        value: its value.
        is_leaf: False for an object whose members follow.
    """

    path: str
    value: Any
    is_leaf: bool


def parse_path(path: str) -> tuple[PathStep, ...]:
    """Return the steps of a dotted path: ``items[0].sku`` → ``("items", 0, "sku")``.

    Raises:
        ValueError: the text is not a dotted path; the message says why.
    """
    if not is_text(path):
        raise ValueError("UTF-8 cannot encode it")
    steps: list[PathStep] = []
    position = 0
    while True:
        found = _NAME.match(path, position)
        if found is None:
            rest = path[position:]
            raise ValueError(
                f"expected the name of a member at {rest!r}" if rest else "a name is missing at its end"
            )
        steps.append(_unquoted(found[0]))
        position = found.end()
        while element := _ELEMENT.match(path, position):
            steps.append(_element(element))
            position = element.end()
        if position == len(path):
            return tuple(steps)
        if path[position] != ".":
            raise ValueError(f"expected . or an element such as [0] or [key=value] at {path[position:]!r}")
        position += 1


def dotted_paths(
    payload: Mapping[str, Any], *, deepest: int | None = None, elements: bool = False
) -> Iterator[PathOfMember]:
    """Yield every member of a payload, an object before its members.

    Args:
        payload: a decoded JSON object.
        deepest: how many levels of objects to open; default: all.
        elements: whether to open arrays too: their first element, and each element that has a member ``key``.
    """
    yield from _members(payload, "", 1, deepest, elements=elements)


def _members(
    value: Mapping[str, Any], prefix: str, level: int, deepest: int | None, *, elements: bool
) -> Iterator[PathOfMember]:
    may_open = deepest is None or level < deepest
    for name, member in value.items():
        is_plain = _PLAIN.fullmatch(name) and (prefix or name not in ENVELOPE_PATHS)
        path = prefix + (name if is_plain else _quoted(name))
        opened = isinstance(member, dict) and bool(member) and may_open
        yield PathOfMember(path, member, not opened)
        if opened:
            yield from _members(member, f"{path}.", level + 1, deepest, elements=elements)
        elif elements and may_open and isinstance(member, list):
            for place, element in _elements(member):
                yield PathOfMember(f"{path}{place}", element, not isinstance(element, dict))
                if isinstance(element, dict):
                    yield from _members(element, f"{path}{place}.", level + 1, deepest, elements=elements)


def _elements(values: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield some elements of an array, each with what chooses it: ``[0]``, ``[key=page_location]``."""
    for index, value in enumerate(values):
        key = value.get("key") if isinstance(value, dict) else None
        if isinstance(key, str) and key:
            yield f"[key={_quoted(key) if ']' in key or key.startswith(_QUOTE) else key}]", value
        elif index == 0:
            yield "[0]", value


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def _unquoted(name: str) -> str:
    """Return a name without its quotes.

    Raises:
        ValueError: what is in the quotes is not a JSON text.
    """
    return str(json.loads(name)) if name.startswith('"') else name


def _element(found: re.Match[str]) -> int | Match:
    if found["index"] is not None:
        return int(found["index"])
    names = re.findall(_INSIDE, found["path"])
    return Match(tuple(map(_unquoted, names)), _unquoted(found["value"]))
