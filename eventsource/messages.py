"""Parts of messages: numbers with their nouns, suggestions for names that are unknown; and warnings."""

import sys
import warnings
from collections.abc import Iterable
from typing import Final

from eventsource.redaction import without_secrets

__all__ = ["counted", "first_line", "noun", "suggestion", "warn"]

_MOST_NAMES: Final = 12
"""Names that a suggestion lists at most."""

_LONGEST: Final = 300
"""Characters of an error of a library that are shown."""

_PACKAGE: Final = __name__.partition(".")[0]

_SIMILARITY: Final = 0.5
"""How similar a known name must be to be suggested, between 0 and 1; see `difflib`."""


def noun(count: int, one: str, many: str | None = None) -> str:
    """Return the singular or the plural of a noun; ``many`` is needed if the plural does not just add an s."""
    return one if count == 1 else many or f"{one}s"


def counted(count: int, one: str) -> str:
    """Return a number with its noun, such as ``1 event`` and ``2,000 events``."""
    return f"{count:,} {noun(count, one)}"


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return a hint about an unknown name: the most similar known name, otherwise the first few known names."""
    names = sorted(known)
    import difflib  # noqa: PLC0415 - few programs suggest anything

    similar = difflib.get_close_matches(name, names, n=1, cutoff=_SIMILARITY)
    if similar:
        return f"did you mean {similar[0]!r}?"
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return f"known names: {', '.join(names[:_MOST_NAMES])}{more}" if names else "none exist yet"


def first_line(error: BaseException) -> str:
    """Return the first line of an error of a library; a backtrace may follow it.

    Secrets are hidden before a long line is cut: of a URL that is cut, nothing would say where its password is.
    """
    return without_secrets((str(error).splitlines() or [type(error).__name__])[0])[:_LONGEST]


def warn(message: str, category: type[Warning]) -> None:
    """Issue a warning at the line of the first caller outside this package."""
    frame, level = sys._getframe(), 1  # noqa: SLF001 - what `inspect` would do, with the source of every frame
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
