"""Kafka: one broker with its own controller (KRaft), from the jars of Maven Central; three partitions a topic."""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.services._maven import has_java, jars
from tests.services._process import Server, ServerProcess, free_port

__all__ = ["Kafka"]

JARS: Final = (
    "org.apache.kafka:kafka_2.13:4.4.0",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.3",  # without a backend of log4j, Kafka starts silently
    "org.apache.logging.log4j:log4j-core:2.25.3",
)
_CLUSTER: Final = "MkU3OEVBNTcwNTJENDM2Qk"
_STARTED: Final = "Kafka Server started"
_LOGGING: Final = """rootLogger.level=warn
rootLogger.appenderRef.c.ref=C
appender.c.type=Console
appender.c.name=C
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=%d %p %c{1} %m%n
logger.ks.name=kafka.server
logger.ks.level=info
logger.aks.name=org.apache.kafka.server
logger.aks.level=info
"""
_PROPERTIES: Final = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/data
num.partitions=3
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.retention.ms=-1
log.retention.check.interval.ms=1000
log.segment.delete.delay.ms=1000
log.cleaner.backoff.ms=500
message.max.bytes=25000000
replica.fetch.max.bytes=25000000
"""


class Kafka(Server):
    """A broker on a free port; its data is in a folder, and outlives a restart.

    Args:
        folder: an empty folder.
        java: options of the Java machine.
    """

    name = "kafka"

    def __init__(self, folder: Path, *, java: Sequence[str] = ()) -> None:
        lib = jars(self.name, JARS)
        assert lib is not None, "python -m tests.services install kafka"
        self.port = free_port()
        (folder / "log4j2.properties").write_text(_LOGGING)
        text = _PROPERTIES.format(port=self.port, controller=free_port(), folder=folder)
        (folder / "server.properties").write_text(text)
        command = [*_java(lib), *java, "-cp", ":".join(map(str, sorted(lib.glob("*.jar"))))]
        format_ = ["kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c", "server.properties"]
        subprocess.run([*command, *format_], cwd=folder, check=True, capture_output=True)
        server = [*command, "kafka.Kafka", "server.properties"]
        self.process = ServerProcess(server, folder, is_ready=lambda log: _STARTED in log)

    @classmethod
    def install(cls) -> None:
        """Download the jars, and keep the loaded classes of one run (AppCDS): later starts take half as long."""
        lib = jars(cls.name, JARS, install=True)
        assert lib is not None
        if not _archive(lib).exists():
            with tempfile.TemporaryDirectory() as folder:
                broker = cls(Path(folder), java=[f"-XX:ArchiveClassesAtExit={folder}/kafka.jsa"])
                broker.start()
                broker.stop()
                shutil.move(f"{folder}/kafka.jsa", _archive(lib))

    @classmethod
    def is_installed(cls) -> bool:
        """Return whether Java and the jars are there."""
        return has_java() and jars(cls.name, JARS) is not None


def _java(lib: Path) -> list[str]:
    archive = _archive(lib)
    shared = [f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []
    memory = ["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    return ["java", *memory, *shared, "-Dlog4j2.configurationFile=log4j2.properties"]


def _archive(lib: Path) -> Path:
    return lib.parent / "kafka.jsa"
