"""Libraries that write events into databases as their users do: each appends three orders of four events."""

import os
import shutil
import subprocess
import tempfile
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Final

import pytest
import sqlalchemy as sa

from tests.services._folder import services_folder
from tests.services._process import run

__all__ = ["LIBRARIES", "Library", "library"]

_WRITERS: Final = Path(__file__).parent / "writers"
_POM: Final = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>eventsource</groupId><artifactId>{}</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>{}</dependencies>
</project>
"""
_AXON: Final = (
    "org.axonframework:axon-eventsourcing:4.13.0",
    "org.axonframework:axon-messaging:4.13.0",
    "com.fasterxml.jackson.core:jackson-databind:2.21.7",
    "com.fasterxml.jackson.datatype:jackson-datatype-jsr310:2.21.7",
    "com.thoughtworks.xstream:xstream:1.4.21",
    "org.postgresql:postgresql:42.7.8",
    "org.slf4j:slf4j-nop:2.0.17",
)
_DEBEZIUM: Final = (
    "io.debezium:debezium-embedded:3.6.1.Final",
    "io.debezium:debezium-connector-postgres:3.6.1.Final",
    "org.slf4j:slf4j-nop:1.7.36",
)


class Library:
    """A library, in a folder of its own.

    Args:
        name: its name, and that of its folder.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def folder(self) -> Path:
        """Where it is installed."""
        return services_folder() / self.name

    def is_installed(self) -> bool:
        """Return whether it is there."""
        return self.folder.is_dir()

    def install(self) -> None:
        """Download it, unless it is there; an interrupted download leaves nothing."""
        if self.is_installed():
            return
        services_folder().mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=services_folder()))
        try:
            self.fill(draft)
            draft.rename(self.folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def fill(self, folder: Path) -> None:
        """Download it into a folder."""
        raise NotImplementedError

    def write(self, url: str) -> None:
        """Append the events to a database, of which the tables do not exist."""
        raise NotImplementedError


class NodeLibrary(Library):
    """Packages of npm, and a script that writes."""

    def __init__(self, name: str, packages: Sequence[str], script: str) -> None:
        super().__init__(name)
        self._packages, self._script = packages, script

    def fill(self, folder: Path) -> None:
        """Install the packages."""
        (folder / "package.json").write_text('{"private": true, "type": "module"}')
        run("npm", "install", "--no-audit", "--no-fund", *self._packages, cwd=folder)

    def write(self, url: str) -> None:
        """Run the script, beside the packages."""
        script = self.folder / self._script
        shutil.copy(_WRITERS / self._script, script)
        run("node", str(script), url.replace("+psycopg", "").removeprefix("sqlite:///"), cwd=self.folder)


class MessageDb(NodeLibrary):
    """message-db: its package has SQL and a shell script; events are written by its function."""

    def write(self, url: str) -> None:
        """Install the schema into the database, and call ``write_message``."""
        where = sa.make_url(url)
        name = str(where.database)
        env = {"PGHOST": str(where.host), "PGPORT": str(where.port), "PGUSER": str(where.username)}
        scripts = self.folder / "node_modules" / "@eventide" / "message-db" / "database"
        run("bash", "install.sh", cwd=scripts, env={**env, "DATABASE_NAME": name, "CREATE_DATABASE": "off"})
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql("SET search_path = message_store")
            for order in range(3):
                for number in range(4):
                    kind = "LineAdded" if number else "OrderPlaced"
                    data = f'{{"orderId": "order-{order}", "amount": {12.5 + number}}}'
                    connection.exec_driver_sql(
                        "SELECT message_store.write_message(gen_random_uuid()::varchar, %s, %s, %s, %s, %s)",
                        (f"order-{order}", kind, data, f'{{"correlationId": "c{order}"}}', number - 1),
                    )
        engine.dispose()


class JavaLibrary(Library):
    """Jars of Maven Central, and a program that is compiled against them.

    Args:
        name: its name, and that of its folder.
        artifacts: ``group:artifact:version``.
        program: the name of the class, whose source is among the writers.
    """

    def __init__(self, name: str, artifacts: Sequence[str], program: str) -> None:
        super().__init__(name)
        self._artifacts, self._program = artifacts, program

    def fill(self, folder: Path) -> None:
        """Download the jars, and compile the program."""
        parts = (each.split(":") for each in self._artifacts)
        dependencies = "".join(
            f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>"
            f"<version>{version}</version></dependency>"
            for group, name, version in parts
        )
        (folder / "pom.xml").write_text(_POM.format(self.name, dependencies))
        run("mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib", cwd=folder)
        run("javac", "-cp", "lib/*", "-d", "classes", str(_WRITERS / f"{self._program}.java"), cwd=folder)

    @property
    def command(self) -> list[str]:
        """The command that runs the program in its folder; its arguments follow."""
        return ["java", "-Xmx192m", "-XX:TieredStopAtLevel=1", "-cp", "classes:lib/*", self._program]

    def write(self, url: str) -> None:
        """Run the program, with the address of the database as its argument."""
        where = sa.make_url(url)
        address = f"jdbc:postgresql://{where.host}:{where.port}/{where.database}?user={where.username}"
        run(*self.command, address, cwd=self.folder)

    @contextmanager
    def changes(self, url: str, schema: str, count: int) -> Iterator[Iterator[str]]:
        """Yield so many changes of a schema's tables as lines, as they come; the end is awaited.

        Raises:
            RuntimeError: the program failed, or took two minutes.
        """
        where = sa.make_url(url)
        arguments = [where.host, where.port, where.username, where.database, schema, count]
        command = [*self.command, *map(str, arguments)]
        with subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, encoding="utf-8") as process:
            assert process.stdout is not None
            alarm = Timer(120, process.kill)
            alarm.start()
            try:
                yield process.stdout
                if process.wait():
                    raise RuntimeError(f"{self.name} ended with {process.returncode}")
            finally:
                alarm.cancel()
                process.kill()


class EventsourcePy(Library):
    """eventsource-py, in a virtual environment: its import name is that of this project."""

    def fill(self, folder: Path) -> None:
        """Create the environment."""
        venv.create(folder, with_pip=True)
        packages = ["eventsource-py", "asyncpg", "greenlet", "sqlalchemy"]
        run(str(folder / "bin" / "python"), "-m", "pip", "install", "-q", *packages, cwd=folder)

    def write(self, url: str) -> None:
        """Run the writer with the environment's Python, and without the path of this project."""
        address = url.replace("+psycopg", "+asyncpg")
        program = str(self.folder / "bin" / "python")
        run(program, "-I", str(_WRITERS / "eventsource_py.py"), address, cwd=self.folder)


class Eventsourcing(Library):
    """eventsourcing with its PostgreSQL module, which needs a pool that this project does not."""

    def fill(self, folder: Path) -> None:
        """Create the environment."""
        venv.create(folder, with_pip=True)
        run(
            str(folder / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "-q",
            "eventsourcing[postgres]>=9.5",
            cwd=folder,
        )

    def write(self, url: str) -> None:
        """Run the writer with the environment's Python; states are compressed."""
        where = sa.make_url(url)
        names = {"DBNAME": where.database, "HOST": where.host, "PORT": where.port, "USER": where.username}
        settings = [f"POSTGRES_{name}={value}" for name, value in {**names, "PASSWORD": "none"}.items()]
        settings += ["PERSISTENCE_MODULE=eventsourcing.postgres", "COMPRESSOR_TOPIC=zlib"]
        program = str(self.folder / "bin" / "python")
        run(program, "-I", str(_WRITERS / "eventsourcing_py.py"), *settings, cwd=self.folder)


LIBRARIES: Final[Mapping[str, Library]] = {
    each.name: each
    for each in (
        NodeLibrary(
            "emmett-postgresql",
            ["@event-driven-io/emmett@0.42.0", "@event-driven-io/emmett-postgresql@0.42.0"],
            "emmett_postgresql.mjs",
        ),
        NodeLibrary("emmett-sqlite", ["@event-driven-io/emmett-sqlite@0.38.5"], "emmett_sqlite.mjs"),
        MessageDb("message-db", ["@eventide/message-db@1.3.1"], ""),
        JavaLibrary("axon", _AXON, "App"),
        JavaLibrary("debezium", _DEBEZIUM, "Changes"),
        EventsourcePy("eventsource-py"),
        Eventsourcing("eventsourcing-postgres"),
    )
}
"""Name → library."""


def library(name: str) -> Library:
    """Return a library that is installed; else skip, or fail if ``EVENTSOURCE_SERVICES_REQUIRED`` is set."""
    found = LIBRARIES[name]
    if not found.is_installed():
        reason = f"{name} is not installed: python -m tests.services install {name}"
        if os.environ.get("EVENTSOURCE_SERVICES_REQUIRED"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found
