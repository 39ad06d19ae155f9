"""Progress of long work, on a terminal; nothing in a pipe."""

from typing import Final

from rich.console import Console
from rich.progress import Progress

__all__ = ["Indexing"]

_LONG: Final = 500_000
"""Events from which on taking them in is worth a bar."""


class Indexing:
    """Shows how far an index is, when it has much to take in: one bar for each phase."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bar: Progress | None = None
        self._is_long = False

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Show that so much of a phase is done."""
        if not self._console.is_terminal:
            return
        self._is_long |= phase == "decoding" and total >= _LONG
        if self._bar is None and self._is_long and done < total:
            self._bar = Progress(console=self._console, transient=True)
            self._bar.add_task(f"{phase} events", total=total)
            self._bar.start()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done)
            if done >= total:
                self._bar.stop()
                self._bar = None
