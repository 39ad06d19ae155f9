"""One event type, or several."""

from collections.abc import Iterable

from eventsource.errors import ModelError

__all__ = ["Names", "names_of"]

Names = str | Iterable[str]


def names_of(names: Names) -> tuple[str, ...]:
    """Return one name or several as a tuple.

    Raises:
        ModelError: they are something else.
    """
    if not isinstance(names, str | Iterable):
        raise ModelError(f"expected one name or several, got {names!r}", hint='such as "A" or ("A", "B")')
    return (names,) if isinstance(names, str) else tuple(names)
