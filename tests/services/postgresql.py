"""A real PostgreSQL for tests: Debian's, on a free port, in a temporary folder."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import psycopg
import pytest

_USER = "postgres"
_QUICK: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_wal_size": "1GB",
    "wal_level": "logical",  # so that Debezium can read it
}
DURABLE: Final = {"shared_buffers": "256MB", "max_wal_size": "4GB"}
"""Settings for measurements: a commit waits for the disk, as it does by default."""


def programs() -> Path:
    """Return the folder of PostgreSQL's programs; skip where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    return found[-1].parent


class Server:
    """A server that can be stopped and started again; it refuses to run as root, so root lends it a user.

    Args:
        settings: its parameters; by default it does not wait for the disk.
    """

    def __init__(self, *, settings: Mapping[str, str] = _QUICK) -> None:
        self._settings = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._programs = programs()
        self._folder = Path(tempfile.mkdtemp(prefix="eventsource-postgresql-"))
        self._as = ["runuser", "-u", _USER, "--"] if os.geteuid() == 0 else []
        if self._as:
            shutil.chown(self._folder, _USER)
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self._run("initdb", "-D", self._data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self.start()

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        where = ["-D", self._data, "-h", "127.0.0.1", "-p", str(self.port), "-k", str(self._folder)]
        command = [*self._as, str(self._programs / "postgres"), *where, *self._settings]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd="/", stdout=log, stderr=log)
        for _ in range(300):
            try:
                psycopg.connect(self._dsn("postgres")).close()
            except psycopg.OperationalError:
                time.sleep(0.1)
            else:
                return
        raise TimeoutError((self._folder / "log").read_text())

    def stop(self) -> None:
        """Stop it at once; who is connected loses the connection."""
        if self._process is not None:
            leader = int((Path(self._data) / "postmaster.pid").read_text().split()[0])
            os.kill(leader, signal.SIGINT)  # "fast": open transactions are rolled back
            self._process.wait(60)
            self._process = None

    def remove(self) -> None:
        """Stop it, and leave nothing behind."""
        self.stop()
        shutil.rmtree(self._folder)

    def database(self) -> str:
        """Make an empty database; return its URL."""
        self._databases += 1
        name = f"db{self._databases}"
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://{_USER}@127.0.0.1:{self.port}/{name}"

    def _dsn(self, database: str) -> str:
        return f"host=127.0.0.1 port={self.port} user={_USER} dbname={database}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as, str(self._programs / program), *arguments]
        subprocess.run(command, check=True, cwd="/", capture_output=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
