"""A server as a child process: started in a folder, waited for, stopped, and started again over the same data."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

__all__ = ["Server", "ServerProcess", "free_port", "run"]

_STEP: Final = 0.05


def run(*command: str, cwd: Path, env: Mapping[str, str] | None = None) -> None:
    """Run a program to its end, with variables beside those of this process.

    Raises:
        RuntimeError: it failed; the message is what it has written.
    """
    own = {**os.environ, **(env or {})}
    done = subprocess.run(command, cwd=cwd, env=own, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")


def free_port() -> int:
    """Return a port of this machine that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class ServerProcess:
    """A server that runs until it is stopped.

    Args:
        command: the program and its arguments.
        folder: where it runs; its output is in ``server.log`` there.
        is_ready: whether it answers; it is given what the server has written so far.
        env: variables beside those of this process.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        *,
        is_ready: Callable[[str], bool],
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._command, self._folder, self._is_ready = list(command), folder, is_ready
        self._env = {**os.environ, **(env or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """What the server has written since it was last started."""
        return self._folder / "server.log"

    def start(self, *, within: float = 180) -> None:
        """Start the server and wait until it answers.

        Args:
            within: seconds after which it is given up.
        """
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that Ctrl-C ends the tests, which then stop the server in order
            )
        end = time.monotonic() + within
        while not self._is_ready(self.log.read_text(errors="replace")):
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise RuntimeError(
                    f"{self._command[0]} did not start:\n{self.log.read_text(errors='replace')[-4000:]}"
                )
            time.sleep(_STEP)

    def stop(self) -> None:
        """Ask the server to stop, and wait until it has."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server at once, as a power cut does."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Server:
    """A server on a port of this machine; its data is in a folder, and outlives a restart."""

    process: ServerProcess
    port: int

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, or start it again, and wait until it answers."""
        self.process.start()

    def stop(self) -> None:
        """Stop it in order."""
        self.process.stop()

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
