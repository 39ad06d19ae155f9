"""A part of a page as the output of a notebook's cell."""

from collections.abc import Callable
from html import escape
from typing import Any, Final

from eventsource.formats import formatted
from eventsource.mime_types import BOARD, RESULTS
from eventsource.sentences import markdown_of

__all__ = ["MIMETYPE", "RESULTS_MIMETYPE", "VERSION", "Part"]

MIMETYPE: Final = BOARD
"""The MIME type of parts in a notebook; reports draw them."""
RESULTS_MIMETYPE: Final = RESULTS
"""The MIME type of named results: ``{"results": {name: value}}``; `report verify` compares them."""
VERSION: Final = 1
"""The version of the JSON of parts; reports refuse others."""


class Part:
    """What a cell shows: a part of a board.

    Args:
        kind: ``board``, ``cards``, ``trend``, ``by``, ``say``, ``late``, ``chart``, ``table`` or ``find``.
        plain: returns the rest of its JSON.
        results: returns the figures at the stops that the page opens with.
        sentence: returns what the part says then, as a text.
    """

    def __init__(
        self,
        kind: str,
        plain: Callable[[], dict[str, Any]],
        results: Callable[[], dict[str, Any]],
        sentence: Callable[[], str] | None = None,
    ) -> None:
        self.kind = kind
        self._json, self._named, self._sentence = plain, results, sentence

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, Any]:
        """Return the part for reports, its named results, and a table of these for JupyterLab."""
        results = self._named()
        rows = "".join(
            f"<tr><th scope='row'>{escape(name)}</th><td>{escape(formatted(value))}</td></tr>"
            for name, value in results.items()
        )
        said = {"text/markdown": markdown_of(self._sentence())} if self._sentence else {}
        return said | {
            MIMETYPE: {"version": VERSION, "part": self.kind, **self._json()},
            RESULTS_MIMETYPE: {"results": results},
            "text/html": f"<table><caption>{escape(self.kind)}; a report draws it</caption>{rows}</table>",
            "text/plain": f"<{self.kind}: {', '.join(f'{name} {value}' for name, value in results.items())}>",
        }
