"""Dotted paths: the names by which models and reports address the members of a JSON payload.

The payload ``{"customer": {"name": "Ada", "zip.code": 1}}`` has three members:

    customer               an object
    customer.name          "Ada"
    customer."zip.code"    1, in quotes: a path is split at every dot, so no path can address this member
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

__all__ = ["PathOfMember", "dotted_paths"]


class PathOfMember(NamedTuple):
    """One member of a payload.

    Args:
        path: its dotted path; a name that contains dots is in quotes.
        value: its value.
        is_leaf: False for an object whose members follow.
    """

    path: str
    value: Any
    is_leaf: bool


def dotted_paths(payload: Mapping[str, Any], *, deepest: int | None = None) -> Iterator[PathOfMember]:
    """Yield every member of a payload, an object before its members.

    Args:
        payload: a decoded JSON object.
        deepest: how many levels of objects to open; default: all.
    """
    yield from _members(payload, "", 1, deepest)


def _members(value: Mapping[str, Any], prefix: str, level: int, deepest: int | None) -> Iterator[PathOfMember]:
    for key, member in value.items():
        path = prefix + (f'"{key}"' if "." in key else key)
        opened = isinstance(member, dict) and bool(member) and (deepest is None or level < deepest)
        yield PathOfMember(path, member, not opened)
        if opened:
            yield from _members(member, f"{path}.", level + 1, deepest)
