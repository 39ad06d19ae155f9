"""Start the test server for clients of KurrentDB: ``python -m tests.services.kurrent --port 2113``."""

import argparse
from pathlib import Path

from tests.services.kurrent import Kurrent


def main() -> None:
    """Run until the process is stopped."""
    parser = argparse.ArgumentParser(description="A test server for clients of KurrentDB; it is not KurrentDB.")
    parser.add_argument("--port", type=int, default=2113)
    parser.add_argument("--user", help="want the credentials of this user")
    parser.add_argument("--password", default="")
    parser.add_argument(
        "--tls", type=Path, metavar="FOLDER", help="use TLS, with a certificate made in this folder"
    )
    given = parser.parse_args()
    server = Kurrent(port=given.port, user=given.user, password=given.password, certificate=given.tls)
    server.start()
    tls = "Tls=false" if given.tls is None else f"Tls=true&TlsCaFile={given.tls / 'ca.pem'}"
    print(f"kurrentdb://{server.address}?{tls}", flush=True)
    server.wait()


if __name__ == "__main__":
    main()
