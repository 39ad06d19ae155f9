"""Dialects of CSV: what separates cells, how decimals are written, and where names come from."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["DELIMITERS", "Dialect", "guessed_delimiter", "named_delimiter"]

DELIMITERS: Final = (",", ";", "\t", "|")
"""The delimiters that are guessed. Of two that give equally many cells, the first one counts."""

_DECIMAL_COMMA: Final = re.compile(
    r"\s*([+-]?)(?:(\d+|[1-9]\d{0,2}(?:[.\u00a0\u202f' ]\d{3})+),(\d+)|([1-9]\d{0,2}(?:\.\d{3})+))\s*"
)
_GROUP: Final = re.compile(r"[.\u00a0\u202f' ]")
_NAMED: Final = re.compile(r"\ufeff?sep=(.)\r?\n?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a table of text is written.

    Args:
        delimiter: what separates cells; None: guessed from the first row.
        decimal: ``"."``, or ``","`` for cells such as ``1.234,50``, which are then read as ``1234.50``.
        columns: the names of the columns, if the first row does not name them.
    """

    delimiter: str | None = None
    decimal: str = "."
    columns: Sequence[str] | None = None

    def cell(self, text: str) -> str | None:
        """Return the value of a cell; None: it is empty or blank.

        Example, with a decimal comma: ``1.234,50`` is ``1234.50``, and ``1.234`` is ``1234``. The cells
        ``12,5 kg``, ``1,2,3``, ``31.12.2024``, ``0.123`` and ``90 210`` stay as they are.
        """
        if not text or text.isspace():
            return None
        if self.decimal == "," and (found := _DECIMAL_COMMA.fullmatch(text)):
            sign, whole, fraction, integer = found.groups()
            digits = _GROUP.sub("", integer or whole)
            return sign.removeprefix("+") + digits + (f".{fraction}" if fraction else "")
        return text


def named_delimiter(line: str) -> str | None:
    """Return the delimiter if the first line of a file names it, as Excel writes it: ``sep=;``."""
    found = _NAMED.fullmatch(line)
    return found[1] if found else None


def guessed_delimiter(row: str) -> str:
    """Return the delimiter that gives a row the most cells; those inside quotes do not count."""
    outside = "".join(row.split('"')[::2])
    return max(DELIMITERS, key=outside.count)
