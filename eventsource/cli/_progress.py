"""One progress bar for all long tasks: drawn on stderr, and only if stderr is a terminal."""

import sys
from typing import TYPE_CHECKING, Final, Self

from eventsource.cli._terminal import harmless

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

__all__ = ["Bar"]

_LEAST: Final = {"decoding": 500_000, "writing": 50_000, "comparing": 50_000}
"""Rows from which a phase takes long enough for a bar. Any other phase has one if the phase before it had one."""
_TEXTS: Final = {
    "decoding": "decoding events",
    "clustering": "sorting events",
    "writing": "writing rows",
    "finishing": "creating SQL indexes",
    "comparing": "comparing rows",
}


class Bar:
    """A progress bar on stderr; it is an `eventsource.progress.Progress`, and shows one phase after another.

    Args:
        in_bytes: whether it counts bytes; then it shows them, and the time that is left.
    """

    def __init__(self, *, in_bytes: bool = False) -> None:
        self._in_bytes = in_bytes
        self._bar: RichProgress | None = None
        self._phase = ""
        self._is_long = False

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Show how far a phase is, if the phase is long."""
        if phase != self._phase:
            self.stop()
            self._phase = phase
        if phase in _LEAST:
            self._is_long = total >= _LEAST[phase]
        if done >= total:
            self.stop()
        elif self._is_long:
            self.draw(_TEXTS.get(phase, phase), done, total if total > 1 else None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def is_shown(self) -> bool:
        """Whether stderr is a terminal, so that the bar is drawn."""
        return sys.stderr.isatty()

    def draw(self, text: str, done: float, total: float | None) -> None:
        """Show a text and how much is done; a total of None is not known."""
        if self._bar is None:
            self._bar = _started(in_bytes=self._in_bytes)
        if self._bar is not None:
            task = next(iter(self._bar.task_ids), None)
            task = self._bar.add_task("") if task is None else task
            self._bar.update(task, completed=done, total=total, description=harmless(text))

    def stop(self) -> None:
        """Remove the bar from the terminal."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _started(*, in_bytes: bool) -> "RichProgress | None":
    """Return a bar in place of the line that the cursor is in; None if stderr is not a terminal."""
    from rich.console import Console
    from rich.control import Control
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.segment import ControlType

    console = Console(stderr=True)
    if not console.is_terminal:
        return None
    console.control(Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2)))
    text = TextColumn("{task.description}", markup=False)
    columns = (
        (text, BarColumn(), DownloadColumn(), TimeRemainingColumn())
        if in_bytes
        else (text, BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeRemainingColumn())
    )
    bar = Progress(*columns, console=console, transient=True)
    bar.start()
    return bar
