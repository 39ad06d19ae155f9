"""Writes into the pages what their examples print now: ``python -m tests.docs.refresh [page …]``."""

import sys
import tempfile
from pathlib import Path

from tests.docs.examples import PAGES, run_page


def main() -> None:
    """Rewrite the pages named on the command line, or all."""
    for page in [Path(name).absolute() for name in sys.argv[1:]] or PAGES:
        with tempfile.TemporaryDirectory() as folder:
            before, after = page.read_text(encoding="utf-8"), run_page(page, Path(folder).resolve())
        if before != after:
            page.write_text(after, encoding="utf-8")
            print(f"rewrote {page}")


if __name__ == "__main__":
    main()
