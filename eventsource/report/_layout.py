"""The layout of a page: items below each other, beside each other in a row, or behind tabs, by the tags of cells.

Cells next to each other whose tags begin in the same way share a row or tabs::

    cell      tags             page
    1                          ┌─────────────────┐
    2         row              │        1        │
    3         row              ├────────┬────────┤
    4         tab:By country   │   2    │   3    │
    5         tab:By channel   ├────────┴────────┤
                               │ [4] [5]         │
                               └─────────────────┘

``row:a`` and ``row:b`` are two rows. Cells of one tab are below each other in it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

__all__ = ["Block", "blocks"]

_ROW: Final = "row"
_TAB: Final = "tab:"


@dataclass(frozen=True, slots=True)
class Block:
    """Items that are placed together.

    Args:
        kind: ``single``, ``row`` or ``tabs``.
        items: the items; for tabs, those of all tabs.
        tabs: the name of each tab with its items.
    """

    kind: str
    items: Sequence[Any]
    tabs: Sequence[tuple[str, Sequence[Any]]] = ()


def blocks(tagged: Sequence[tuple[frozenset[str], Any]]) -> Iterator[Block]:
    """Yield the blocks of a page, in order, from its items with the tags of their cells."""
    for key, run in groupby(tagged, key=lambda pair: _key(pair[0])):
        members = list(run)
        items = [item for _, item in members]
        if key == _TAB:
            named = [(_name(tags), item) for tags, item in members]
            names = list(dict.fromkeys(name for name, _ in named))
            yield Block(
                "tabs", items, [(name, [item for other, item in named if other == name]) for name in names]
            )
        elif key:
            yield Block("row", items)
        else:
            yield from (Block("single", [item]) for item in items)


def _key(tags: frozenset[str]) -> str:
    if any(tag.startswith(_TAB) for tag in tags):
        return _TAB
    return next((tag for tag in sorted(tags) if tag == _ROW or tag.startswith(_ROW + ":")), "")


def _name(tags: frozenset[str]) -> str:
    return next(tag.removeprefix(_TAB).strip() for tag in sorted(tags) if tag.startswith(_TAB))
