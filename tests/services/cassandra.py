"""Cassandra: one node, from the jars of Maven Central."""

import socket
from pathlib import Path
from typing import Final

from tests.services._maven import has_java, jars
from tests.services._process import Server, ServerProcess, free_port

__all__ = ["Cassandra"]

_JARS: Final = ("org.apache.cassandra:cassandra-all:5.0.6",)
_STARTED: Final = "Starting listening for CQL clients"
_LOGGING: Final = """<configuration>
  <appender name="C" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{HH:mm:ss.SSS} %-5level %logger{20} %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="C"/></root>
</configuration>
"""
_YAML: Final = """cluster_name: tests
num_tokens: 4
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
commitlog_sync: periodic
commitlog_sync_period: 10000ms
commitlog_disk_access_mode: legacy
endpoint_snitch: SimpleSnitch
listen_address: 127.0.0.1
rpc_address: 127.0.0.1
storage_port: {storage}
native_transport_port: {port}
data_file_directories: [{folder}/data]
commitlog_directory: {folder}/commitlog
saved_caches_directory: {folder}/saved_caches
hints_directory: {folder}/hints
cdc_raw_directory: {folder}/cdc_raw
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{{seeds: "127.0.0.1:{storage}"}}]
memtable_heap_space: 128MiB
memtable_offheap_space: 128MiB
file_cache_size: 64MiB
commitlog_segment_size: 64MiB
auto_snapshot: false
read_request_timeout: 30s
range_request_timeout: 30s
write_request_timeout: 30s
cas_contention_timeout: 10s
disk_failure_policy: stop
"""
_EXPORTS: Final = (
    "java.base/jdk.internal.misc",
    "java.base/jdk.internal.ref",
    "java.base/sun.nio.ch",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
)
_OPENS: Final = (
    "java.base/java.lang.module",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.reflect",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/java.nio",
    "java.base/java.net",
    "jdk.management/com.sun.management.internal",
)


class Cassandra(Server):
    """A node on a free port; its data is in a folder, and outlives a restart.

    Args:
        folder: an empty folder.
    """

    name = "cassandra"

    def __init__(self, folder: Path) -> None:
        lib = jars(self.name, _JARS)
        assert lib is not None, "python -m tests.services install cassandra"
        self.port = free_port()
        (folder / "logback.xml").write_text(_LOGGING)
        text = _YAML.format(port=self.port, storage=free_port(), folder=folder)
        (folder / "cassandra.yaml").write_text(text)
        self.process = ServerProcess(_command(lib, folder), folder, is_ready=self._is_ready)

    @classmethod
    def install(cls) -> None:
        """Download the jars."""
        jars(cls.name, _JARS, install=True)

    @classmethod
    def is_installed(cls) -> bool:
        """Return whether Java and the jars are there."""
        return has_java() and jars(cls.name, _JARS) is not None

    def _is_ready(self, log: str) -> bool:
        if _STARTED not in log:
            return False
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0


def _command(lib: Path, folder: Path) -> list[str]:
    return [
        "java",
        *("-Xms256m", "-Xmx640m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
        "-Djdk.attach.allowAttachSelf=true",
        *(f"--add-exports={each}=ALL-UNNAMED" for each in _EXPORTS),
        *(f"--add-opens={each}=ALL-UNNAMED" for each in _OPENS),
        f"-javaagent:{next(lib.glob('jamm-*.jar'))}",
        f"-Dcassandra.config=file://{folder}/cassandra.yaml",
        f"-Dcassandra.storagedir={folder}",
        "-Dcassandra-foreground=yes",
        f"-Dlogback.configurationFile=file://{folder}/logback.xml",
        "-Dcassandra.skip_wait_for_gossip_to_settle=0",
        "-Dcassandra.ring_delay_ms=1",
        *("-cp", f"{lib}/*", "org.apache.cassandra.service.CassandraDaemon"),
    ]
