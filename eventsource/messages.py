"""Words for people: numbers with their nouns, and the name that was meant."""

import difflib
from collections.abc import Iterable
from typing import Final

__all__ = ["counted", "noun", "suggestion"]

_NAMED: Final = 12
"""Names that a hint lists at most."""
_ALIKE: Final = 0.5
"""How much of two names must agree for one to be meant by the other (see `difflib`)."""


def noun(count: int, one: str, many: str | None = None) -> str:
    """Return the noun for so many; ``many`` where an s at its end is not enough."""
    return one if count == 1 else many or f"{one}s"


def counted(count: int, one: str) -> str:
    """Return a number with its noun, such as ``1 event`` and ``2,000 events``."""
    return f"{count:,} {noun(count, one)}"


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return a hint to one who gave a name that is not known: the nearest of those that are, or the first few."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=_ALIKE)
    if near:
        return f"did you mean {near[0]!r}?"
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"there is {', '.join(names[:_NAMED])}{more}" if names else "there is none"
