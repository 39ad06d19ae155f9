"""Limits of a run: seconds on the clock, and memory of all processes of the notebook together."""

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

import psutil  # type: ignore[import-untyped]

__all__ = ["Limits", "Watch"]

_INTERVAL: Final = 0.1
"""Seconds between two looks at the memory."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may use.

    Args:
        seconds: on the clock, for the whole notebook.
        memory: bytes that the kernel and its children hold together; None: any.
    """

    seconds: float = 600
    memory: int | None = None


@dataclass
class Watch:
    """Watches a kernel, and ends it with its children when a limit is reached; a context manager.

    Args:
        limits: the limits.
        kernel: gives the process id of the kernel; None before it has started.
    """

    limits: Limits
    kernel: Callable[[], int | None]
    exceeded: str | None = None
    """Which limit was reached, in words; None: none."""
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch, name="limits", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        end = time.monotonic() + self.limits.seconds
        while not self._over.wait(min(_INTERVAL, max(end - time.monotonic(), 0))):
            kernel = self.kernel()
            if kernel is None:
                continue
            processes = _family(kernel)
            if time.monotonic() >= end:
                self.exceeded = f"it took longer than {self.limits.seconds:g} seconds"
            elif self.limits.memory is not None and _memory(processes) > self.limits.memory:
                self.exceeded = f"it used more than {self.limits.memory / 1e6:,.0f} MB of memory"
            if self.exceeded:
                _kill(kernel, processes)
                return


def _family(kernel: int) -> list[psutil.Process]:
    """Return a process and all that descend from it; an empty list if it has ended."""
    try:
        process = psutil.Process(kernel)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _memory(processes: list[psutil.Process]) -> int:
    total = 0
    for process in processes:
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue  # it has just ended
    return total


def _kill(kernel: int, processes: list[psutil.Process]) -> None:
    """Kill the process group of a kernel, and children that have left it."""
    try:
        if hasattr(os, "killpg") and os.getpgid(kernel) == kernel:
            os.killpg(kernel, signal.SIGKILL)
    except OSError:
        pass  # it has just ended
    for process in processes:
        try:
            process.kill()
        except psutil.Error:
            continue
