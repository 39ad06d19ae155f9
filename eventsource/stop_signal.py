"""Waiting for SIGTERM or SIGINT: how a service that runs in the foreground is stopped."""

import os
import select
import signal
import threading
from typing import Any, Final, Self

__all__ = ["StopSignal"]

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class StopSignal:
    """Waits for SIGTERM or SIGINT; a context manager. The second signal of a kind has its usual effect again."""

    def __enter__(self) -> Self:
        self._reader, self._writer = os.pipe()
        self._before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._stop) for number in _SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._reader)
        os.close(self._writer)

    def wait(self, seconds: float) -> bool:
        """Wait for a signal; return whether there was one."""
        return bool(select.select([self._reader], [], [], seconds)[0])

    def _stop(self, number: int, _frame: object) -> None:
        os.write(self._writer, b".")
        signal.signal(number, self._before[number])
