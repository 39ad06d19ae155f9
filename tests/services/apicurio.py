"""Apicurio, a schema registry whose API is compatible with Confluent's, from its archive at Maven Central."""

import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

from tests.services._maven import artifact, has_java
from tests.services._process import Server, ServerProcess, free_port

__all__ = ["Apicurio"]

_ARCHIVE: Final = "io.apicurio:apicurio-registry-app:3.0.9:tar.gz:all"  # the last one that runs on Java 17


class Apicurio(Server):
    """A registry on a free port; its schemas are in memory.

    Args:
        folder: an empty folder.
    """

    name = "apicurio"

    def __init__(self, folder: Path) -> None:
        home = artifact(self.name, _ARCHIVE)
        assert home is not None, "python -m tests.services install apicurio"
        self.port = free_port()
        jar = next(home.rglob("*-runner.jar"))
        memory = ["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        self.process = ServerProcess(
            ["java", *memory, "-jar", str(jar)],
            folder,
            is_ready=lambda _: self._answers(),
            env={
                "QUARKUS_HTTP_HOST": "127.0.0.1",
                "QUARKUS_HTTP_PORT": str(self.port),
                "QUARKUS_MANAGEMENT_HOST": "127.0.0.1",
                "QUARKUS_MANAGEMENT_PORT": str(free_port()),
            },
        )

    @property
    def url(self) -> str:
        """The address of the API that is compatible with Confluent's."""
        return f"http://127.0.0.1:{self.port}/apis/ccompat/v7"

    @classmethod
    def install(cls) -> None:
        """Download the archive and unpack it."""
        artifact(cls.name, _ARCHIVE, install=True)

    @classmethod
    def is_installed(cls) -> bool:
        """Return whether Java and the archive are there."""
        return has_java() and artifact(cls.name, _ARCHIVE) is not None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/subjects", timeout=2) as answer:  # noqa: S310 - our own server
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False
