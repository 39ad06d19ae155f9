"""Install the servers that tests start: ``python -m tests.services install [NAME …]``; ``list`` names them."""

import sys

from tests.services._folder import services_folder
from tests.services._table import SERVICES


def main() -> None:
    """Run the command of the arguments."""
    command, *names = sys.argv[1:] or ["list"]
    unknown = [name for name in names if name not in SERVICES]
    if command not in ("install", "list") or unknown:
        sys.exit(f"expected install or list, and names of {', '.join(SERVICES)}; got {' '.join(sys.argv[1:])}")
    for name in names or SERVICES:
        if command == "install":
            SERVICES[name].install()
        print(f"{name:12} {'installed' if SERVICES[name].is_installed() else 'missing'}")
    print(f"in {services_folder()}; another folder: EVENTSOURCE_SERVICES")


if __name__ == "__main__":
    main()
