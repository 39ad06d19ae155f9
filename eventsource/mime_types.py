"""The MIME types of notebook outputs that reports read, beside those of charts."""

from typing import Final

__all__ = ["BOARD", "RESULTS"]

BOARD: Final = "application/vnd.eventsource.board+json"
"""A part of a board: ``{"version": 1, "part": "cards", …}``."""
RESULTS: Final = "application/vnd.eventsource.results+json"
"""Named results: ``{"results": {name: value}}``."""
