"""The modules of a project that a notebook imported: what its page was made of, beside the notebook.

A run names a file in the environment of its notebook. The notebook lists the modules there when it ends::

    before    {"root": "/shop"}
    after     {"root": "/shop", "modules": ["/shop/models.py", "/shop/prices/rules.py"]}

Installed modules and those of this package are not among them.
"""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

__all__ = ["MODULES", "begin_modules", "list_modules", "read_modules"]

MODULES: Final = "EVENTSOURCE_MODULES"
"""The environment variable that names the file."""


def begin_modules(file: Path, root: Path) -> None:
    """Write the file before a run, for modules below the root of a project."""
    file.write_text(json.dumps({"root": str(root.resolve())}), encoding="utf-8")


def list_modules(file: Path) -> None:
    """Add the modules that this process has imported, at the end of a run."""
    root = json.loads(file.read_text(encoding="utf-8"))["root"]
    paths = [path for module in list(sys.modules.values()) if (path := getattr(module, "__file__", None))]
    found = sorted(str(path) for path in _of_project(paths, Path(root)))
    file.write_text(json.dumps({"root": root, "modules": found}), encoding="utf-8")


def read_modules(file: Path, root: Path) -> list[Path]:
    """Return the modules below the root that a run has listed, sorted; none if it did not come to its end."""
    try:
        listed = json.loads(file.read_text(encoding="utf-8"))["modules"]
        return sorted(_of_project(listed, root.resolve()))
    except (OSError, ValueError, TypeError, KeyError):
        return []


def _of_project(paths: Iterable[str], root: Path) -> set[Path]:
    """Return the paths of modules below the root that are neither installed nor of this package."""
    package, found = Path(__file__).resolve().parents[1], set()
    for path in {Path(os.path.realpath(path)) for path in paths}:
        if path.suffix == ".py" and path.is_relative_to(root) and not path.is_relative_to(package):
            names = path.relative_to(root).parts
            if not any(name.startswith(".") or name == "site-packages" for name in names):
                found.add(path)
    return found
