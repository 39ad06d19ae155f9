"""In which line of a TOML file a member is, for messages: the parser of the standard library does not say it."""

import re
from typing import Final

__all__ = ["line_of"]

_HEADER: Final = re.compile(r"\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?")
_KEY: Final = re.compile(r"""\s*([\w.\-"' ]+?)\s*=""")


def line_of(text: str, path: tuple[str | int, ...]) -> int:
    """Return the number of the line that sets a member, or the nearest table around it; else 1.

    It reads headers and keys as people write them; a key within a text of several lines may mislead it.

    Args:
        text: the content of a TOML file.
        path: the names that lead to the member; positions within arrays count as the array.
    """
    wanted = [step for step in path if isinstance(step, str)]
    best, depth, table = 1, 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.fullmatch(line):
            table = _names(header[1])
            found = table
        elif key := _KEY.match(line):
            found = [*table, *_names(key[1])]
        else:
            continue
        if len(found) > depth and found == wanted[: len(found)]:
            best, depth = number, len(found)
    return best


def _names(text: str) -> list[str]:
    return [name.strip().strip("\"'") for name in text.split(".")]
