"""Attempts to answer a question from a view.

Files of an index may be deleted at any time, also while a question reads them. Therefore views are retried, as
with the library tenacity: if a file is missing, the attempt ends without an error, and the loop tries again with
an index that has been rebuilt::

    for attempt in index.views(known_at=moment):
        with attempt as view:
            counts = view.map(lambda events: len(events.clustered))
"""

from types import TracebackType
from typing import Final

import polars as pl

from eventsource.errors import EventsourceError
from eventsource.index._view import View

__all__ = ["Attempt"]

_UNREADABLE: Final = (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException)
"""What reading a damaged file may raise; Polars panics on some flipped bits."""


class Attempt:
    """One attempt to answer a question from a view, as a context manager.

    A missing or damaged file ends the ``with`` block without an error: `missing` then holds the error, and the
    index tries again. An error of Polars or of the operating system may be the effect of such a file: then all
    files are checked. All other errors pass.

    Args:
        view: what the question sees in this attempt.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self.missing: FileNotFoundError | None = None

    def __enter__(self) -> View:
        return self._view

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, FileNotFoundError):
            self.missing = error
        elif isinstance(error, _UNREADABLE) and not isinstance(error, EventsourceError):
            self.missing = self._view.parts.first_damaged()
        return self.missing is not None
