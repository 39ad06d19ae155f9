"""Texts that a database cannot hold: how PostgreSQL stores the NUL character, and ids too long for its indexes.

One sign begins every escape: ``␛`` (U+241B, the symbol for escape)::

    the model's text        in the table
    a␀b      (U+0000)       a␛0b
    a␛b                     a␛␛b                         so that no two texts become equal
    a3c…     (5,000 bytes)  a3c…␛#<SHA-256>              ids only: the first bytes, and a digest of the whole id

Read from left to right, the first two give the text back. The third names the whole id, but does not contain it:
`ReadModel.escaped_ids` lists it. Names of columns are escaped in the same way, in SQLite too.
"""

import hashlib
import re
from typing import Final

import polars as pl

__all__ = ["ESCAPE", "escape", "escape_ids", "escape_json", "escape_texts", "unescape"]

ESCAPE: Final = "␛"
"""Begins every escape."""

_LONGEST_ID: Final = 2_600
"""Bytes. An entry of PostgreSQL's B-trees has at most 2,704 bytes, with ``valid_from`` and its header."""
_KEPT: Final = 2_400
_NUL: Final = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_CODES: Final = re.compile("␛([0␛])")


def escape(text: str) -> str:
    """Return a text in its escaped form."""
    return text.replace(ESCAPE, ESCAPE * 2).replace("\0", f"{ESCAPE}0")


def unescape(text: str) -> str:
    """Return the text that was escaped; of an id that was too long, its escaped form."""
    return _CODES.sub(lambda found: "\0" if found[1] == "0" else ESCAPE, text)


def escape_texts(texts: pl.Expr) -> pl.Expr:
    """Return a column of texts in their escaped form."""
    doubled = texts.str.replace_all(ESCAPE, ESCAPE * 2, literal=True)
    return doubled.str.replace_all("\0", f"{ESCAPE}0", literal=True)


def escape_ids(ids: pl.Series) -> pl.Series:
    """Return a column of ids in their escaped form; those that are too long become shorter."""
    escaped = ids.to_frame().select(escape_texts(pl.col(ids.name))).to_series()
    longest = escaped.str.len_bytes().max()
    if not isinstance(longest, int) or longest <= _LONGEST_ID:
        return escaped
    shorter = [_shortened(text) for text in escaped.to_list()]
    return pl.Series(ids.name, shorter, pl.String)


def escape_json(text: bytes) -> bytes:
    """Return a JSON text with its strings in their escaped form."""
    return _NUL.sub(rb"\1\\u241b0", text.replace(ESCAPE.encode(), ESCAPE.encode() * 2))


def _shortened(text: str) -> str:
    whole = text.encode()
    if len(whole) <= _LONGEST_ID:
        return text
    begin = whole[:_KEPT].decode(errors="ignore").rstrip(ESCAPE)
    return f"{begin}{ESCAPE}#{hashlib.sha256(whole).hexdigest()}"
