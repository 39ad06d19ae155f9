"""The test server as a service: started on a free port, stopped, and started again over the same log."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from kurrentdbclient.protos.v1 import gossip_pb2_grpc, streams_pb2_grpc

from tests.services._process import free_port
from tests.services.kurrent._database import Database
from tests.services.kurrent._protocol import Credentials, Gossip, Streams, features

__all__ = ["Kurrent"]

_LARGEST = 64 * 1024 * 1024


class Kurrent:
    """A test server; its log is in memory, and outlives `stop`.

    Args:
        port: where it listens; None: a free port.
        user: the user whose credentials it wants, with ``password``; None: none are needed. Clients send
            credentials only with TLS.
        password: the password.
        certificate: a folder, in which a certificate of its own is made, for TLS; None: no TLS.
        threads: how many calls it answers at once; a client that appends, or that follows, holds one.
    """

    name = "kurrent"

    def __init__(
        self,
        *,
        port: int | None = None,
        user: str | None = None,
        password: str = "",
        certificate: Path | None = None,
        threads: int = 16,
    ) -> None:
        self._threads = threads
        self._certificate = None if certificate is None else _certificate(certificate)
        self.port, self.database = port or free_port(), Database()
        self._interceptors = [] if user is None else [Credentials(user, password)]
        self._server: grpc.Server | None = None

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the server, or start it again."""
        options = [("grpc.max_receive_message_length", _LARGEST), ("grpc.so_reuseport", 0)]
        self._server = grpc.server(
            ThreadPoolExecutor(self._threads), interceptors=self._interceptors, options=options
        )
        streams_pb2_grpc.add_StreamsServicer_to_server(Streams(self.database), self._server)
        gossip_pb2_grpc.add_GossipServicer_to_server(Gossip(self.port), self._server)
        self._server.add_generic_rpc_handlers((features(),))
        if self._certificate is None:
            self._server.add_insecure_port(self.address)
        else:
            key, chain = (path.read_bytes() for path in self._certificate)
            self._server.add_secure_port(self.address, grpc.ssl_server_credentials([(key, chain)]))
        self._server.start()

    def stop(self) -> None:
        """Stop the server; its log stays."""
        server, self._server = self._server, None
        if server is not None:
            server.stop(0).wait()

    def wait(self) -> None:
        """Wait until the server is stopped."""
        if self._server is not None:
            self._server.wait_for_termination()


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Make a key and a certificate for this machine; return both files."""
    key, chain = folder / "key.pem", folder / "ca.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names]
    subprocess.run([*command, "-keyout", str(key), "-out", str(chain)], check=True, capture_output=True)
    return key, chain
