r"""Texts of the envelope for many lines at once; `eventsource.sources._texts` makes the text of one line.

Example: ``event_id=["who", "n?"]``, where ``n`` may be absent::

    values of who   a:1     b       b       ""
    values of n     1       null    ""      4
    who             a\:1    b       b       null      empty: such a line is decoded alone, which finds the reason
    n               1       (empty) null    4
    text            a\:1:1  b:      null    null
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from eventsource.sources._lines import Lines, Rows
from eventsource.sources._texts import DIGEST_BYTES, TextColumn

__all__ = ["TextBuilder", "texts_of"]


class TextBuilder:
    """Makes texts that have several parts.

    Args:
        values: returns the values at a path, one per line; None: absent.
        lines: a block.
        rows: which of its lines they are.
        columns: the columns of the envelope so far; ``type`` must be there if it is a part.
    """

    def __init__(
        self,
        values: Callable[[str], Sequence[Any]],
        lines: Lines,
        rows: Rows,
        columns: Mapping[str, pl.Series],
    ) -> None:
        self._values, self._lines, self._rows, self._columns = values, lines, rows, columns

    def text(self, column: TextColumn) -> pl.Series:
        """Return a column of texts; null where a part is missing, empty, or not a text."""
        pieces: list[pl.Expr] = []
        parts: dict[str, pl.Series] = {}
        for number, (piece, is_part) in enumerate(column.pieces):
            name = f"part{number}"
            if is_part:
                parts[name] = self._part(piece)
            pieces.append(
                _escaped(pl.col(name))
                if is_part and column.is_list
                else pl.col(name)
                if is_part
                else pl.lit(piece)
            )
        text = pl.concat_str(pieces, separator=":" if column.is_list else "")
        return pl.DataFrame(parts).select(text.alias("text")).to_series()

    def _part(self, part: str) -> pl.Series:
        if part == "@type":
            return self._columns["type"]
        if part in _SPECIAL:
            return _SPECIAL[part](self._lines, self._rows)
        values = self._values(part.removesuffix("?"))
        texts = texts_of(values)
        is_empty = texts == ""
        *_, last = part.split("|")
        if texts.null_count() and last in _SPECIAL:
            texts = texts.fill_null(_SPECIAL[last](self._lines, self._rows))
        elif part.endswith("?"):
            texts = texts.fill_null("")
        return texts.set(is_empty.fill_null(value=False), None) if is_empty.any() else texts


def texts_of(values: Sequence[Any]) -> pl.Series:
    """Return texts, and integers as their digits. None becomes null, any other value an empty text."""
    try:
        return pl.Series(values, dtype=pl.String, strict=True)
    except (TypeError, OverflowError):
        return pl.Series([_text_of(value) for value in values], dtype=pl.String)


def _text_of(value: Any) -> str | None:
    return value if value is None or type(value) is str else str(value) if type(value) is int else ""


def _escaped(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all("\\", "\\\\", literal=True).str.replace_all(":", "\\:", literal=True)


def _line(lines: Lines, rows: Rows) -> pl.Series:
    numbers = pl.Series("line", rows + lines.first)
    return (
        numbers.to_frame()
        .select(pl.concat_str(pl.lit(f"{lines.file}:"), pl.col("line").cast(pl.String)))
        .to_series()
    )


def _hash(lines: Lines, rows: Rows) -> pl.Series:
    digest = hashlib.blake2b
    some = lines.some(rows.tolist())
    return pl.Series([digest(each, digest_size=DIGEST_BYTES).hexdigest() for each in some], dtype=pl.String)


def _same(text: str) -> Callable[[Lines, Rows], pl.Series]:
    return lambda _, rows: pl.repeat(text, len(rows), dtype=pl.String, eager=True)


_SPECIAL: Mapping[str, Callable[[Lines, Rows], pl.Series]] = {
    "@line": _line,
    "@hash": _hash,
    "@file": lambda lines, rows: _same(lines.file)(lines, rows),
    "@index": _same("0"),
}
"""What the parts are of a line that is not exploded; as in `eventsource.sources._texts`."""
