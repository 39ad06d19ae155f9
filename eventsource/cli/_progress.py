"""Progress of long work, on a terminal; nothing in a pipe."""

from typing import Final, Self

from rich.console import Console
from rich.control import Control
from rich.progress import Progress
from rich.segment import ControlType

__all__ = ["Indexing", "Writing"]

_LONG: Final = 500_000
"""Events from which on taking them in is worth a bar."""
_MANY: Final = 50_000
"""Entities from which on writing or comparing their rows is worth one."""
_PHASES: Final = {"writing": "writing rows", "finishing": "making indexes", "comparing": "comparing rows"}


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


class Writing:
    """Shows how far the rows of many entities are, on a terminal; it is gone once they are done."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bar: Progress | None = None
        self._phase, self._is_long = "", False

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Show that so much of a phase is done; how far the finishing of tables is, nobody knows."""
        is_last = phase == "finishing"
        is_over = is_last and done == total
        if is_over or phase != self._phase:
            self.stop()
        self._phase = phase
        if not is_last:
            self._is_long = total >= _MANY
        if self._is_long and not is_over and self._console.is_terminal:
            shown = self._bar or self._started(_PHASES[phase], None if is_last else total)
            shown.update(shown.task_ids[0], completed=done)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Take it away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _started(self, text: str, total: int | None) -> Progress:
        """Return a bar in place of a status line that may stand there."""
        self._console.control(Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2)))
        self._bar = Progress(console=self._console, transient=True)
        self._bar.add_task(text, total=total)
        self._bar.start()
        return self._bar
