r"""Texts that can be stored.

A text of Python may have *lone surrogates*: JSON writes them as ``"\ud800"``, and names of files whose bytes are
not UTF-8 have them. Neither Arrow nor a database can store such a text.
"""

from typing import Any, TypeGuard

__all__ = ["is_text"]


def is_text(value: Any) -> TypeGuard[str]:
    """Return whether a value is a text, and UTF-8 can encode it."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
