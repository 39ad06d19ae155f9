"""The status of a service: one line that is rewritten on a terminal, and a line per change in a pipe."""

import shutil
import sys
from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from eventsource.cli._progress import Bar
from eventsource.cli._terminal import harmless
from eventsource.service import Status

__all__ = ["StatusLine"]

_CLEAR_LINE: Final = "\r\x1b[K"
"""Moves the cursor of a terminal to the first column, and clears the line."""


class StatusLine(Struct):
    """Prints the status of a service on stdout.

    Args:
        table: the name of the table.
        url: its database; it is left out of messages, since it was printed at the start and lines are short.
        bar: the progress bar of the refresh, which is removed before the line is written.
    """

    table: str
    url: str
    bar: Bar
    _printed: tuple[Any, ...] = ()

    @property
    def show(self) -> Callable[[Status], None]:
        """The function to call with each status."""
        return self._rewrite_line if sys.stdout.isatty() else self._print_change

    def _rewrite_line(self, status: Status) -> None:
        self.bar.stop()
        clock, text = f"{status.time.astimezone():%H:%M:%S}", self._text(status)
        done = status.refreshed if status.state == "following" else None
        if done is not None and done.rebuilt:  # a rebuild is rare: its line stays above the status line
            sys.stdout.write(_CLEAR_LINE + harmless(f"{clock} {self.table} {done.done}") + "\n")
            text = f"{self.table} {status.lag}"
        line = harmless(f"{clock} {text}")
        width = shutil.get_terminal_size().columns - 1
        end = "\n" if status.state in ("stopped", "failed") else ""
        sys.stdout.write(_CLEAR_LINE + (line if len(line) <= width else f"{line[: width - 1]}…") + end)
        sys.stdout.flush()

    def _print_change(self, status: Status) -> None:
        position = status.refreshed.position if status.refreshed else None
        change = (status.state, position, status.last_error, status.state == "retrying" and status.failures)
        if change != self._printed:
            self._printed = change
            sys.stdout.write(harmless(f"{status.time:%Y-%m-%dT%H:%M:%SZ} {self._text(status)}") + "\n")
            sys.stdout.flush()

    def _text(self, status: Status) -> str:
        return f"{self.table} {status}".replace(f"{self.url}: ", "")
