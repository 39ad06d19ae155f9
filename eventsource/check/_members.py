"""The members of payloads: their paths, kinds and shares."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import polars as pl

from eventsource.dotted_paths import dotted_paths

__all__ = ["members"]

_MOST_MEMBERS: Final = 200
"""Members of one type that are listed: some payloads use ids as names."""

_DEEPEST: Final = 8
"""Levels of nested objects that are listed."""

_KINDS: Final[Mapping[type, str]] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "boolean",
    list: "list",
    dict: "object",
    type(None): "null",
}
_COLUMNS: Final = {"type": pl.String(), "member": pl.String(), "kinds": pl.String(), "share": pl.Float64()}


def members(events: pl.DataFrame) -> pl.DataFrame:
    """Return the members of payloads: ``type``, ``member`` (dotted), ``kinds``, ``share`` of the type's events.

    Args:
        events: a frame with ``type`` and ``data``.
    """
    texts: dict[str, list[str]] = {}
    for name, text in events.select("type", "data").iter_rows():
        texts.setdefault(name, []).append(text)
    rows = [row for name in sorted(texts) for row in _members_of_type(name, texts[name])]
    return pl.DataFrame(rows, schema=_COLUMNS, orient="row")


def _members_of_type(name: str, texts: Sequence[str]) -> Iterator[tuple[str, str, str, float]]:
    counts: Counter[str] = Counter()
    kinds: dict[str, set[str]] = {}
    for text in texts:
        for path, value, is_leaf in dotted_paths(_decode(text), deepest=_DEEPEST):
            if is_leaf:
                counts[path] += 1
                kinds.setdefault(path, set()).add(_KINDS[type(value)])
    listed = sorted(counts, key=lambda path: (-counts[path], path))[:_MOST_MEMBERS]
    for path in listed:
        yield name, path, ", ".join(sorted(kinds[path])), counts[path] / len(texts)


def _decode(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):  # `OrderedPass` counts invalid payloads
        return {}
