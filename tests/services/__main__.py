"""Install what tests use: ``python -m tests.services install [NAME …]``; ``list`` names servers and libraries."""

import sys
from typing import Protocol

from tests.services._folder import services_folder
from tests.services._table import SERVICES
from tests.services.libraries import LIBRARIES


class _Installable(Protocol):
    """What can be downloaded: a kind of server, or a library."""

    def install(self) -> None:
        """Download it, if it is not there."""

    def is_installed(self) -> bool:
        """Return whether it is there."""


def main() -> None:
    """Run the command of the arguments."""
    command, *names = sys.argv[1:] or ["list"]
    known: dict[str, _Installable] = {**SERVICES, **LIBRARIES}
    unknown = [name for name in names if name not in known]
    if command not in ("install", "list") or unknown:
        sys.exit(f"expected install or list, and names of {', '.join(known)}; got {' '.join(sys.argv[1:])}")
    for name in names or known:
        if command == "install":
            known[name].install()
        print(f"{name:22} {'installed' if known[name].is_installed() else 'missing'}")
    print(f"in {services_folder()}; another folder: EVENTSOURCE_SERVICES")


if __name__ == "__main__":
    main()
