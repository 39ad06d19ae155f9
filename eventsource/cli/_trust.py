"""Whose project files are read: those of the user and of root, as a project file can run code.

A setting such as ``model`` names a module, which is imported from the folder of the project. In a folder below
someone else's ``pyproject.toml``, every command would run their code as the user. git refuses such folders too:
see its ``safe.directory``.
"""

import os
import stat
from pathlib import Path
from typing import Final

from eventsource.cli._errors import UsageError

__all__ = ["check_trusted"]

_VARIABLE: Final = "EVENTSOURCE_TRUST"
_ROOT: Final = 0


def check_trusted(file: Path) -> None:
    """Check that only the user, or root, can have written a project file and the modules beside it.

    On Windows, files have no owner that Python can read, and nothing is checked.

    Args:
        file: the ``pyproject.toml``.

    Raises:
        UsageError: the file or its folder belongs to another user, or everyone may create files in the folder. The
            variable ``EVENTSOURCE_TRUST`` names folders, separated as in ``PATH``, for which this is fine.
    """
    if not hasattr(os, "getuid") or file.parent.resolve() in _trusted_folders():
        return
    reason = _reason_against(file)
    if reason is not None:
        from shlex import quote

        raise UsageError(
            f"{file} is not used: {reason}, and a project file can run code",
            hint=f"if you trust the folder, type: export {_VARIABLE}={quote(str(file.parent))}",
        )


def _reason_against(file: Path) -> str | None:
    for path in (file.parent, file):
        found = path.stat()
        if found.st_uid not in _owners():
            return f"{_what(path)} belongs to the user {_name(found.st_uid)}"
        if stat.S_IMODE(found.st_mode) & stat.S_IWOTH:
            return f"everyone may write to {_what(path)}"
    return None


def _what(path: Path) -> str:
    return "its folder" if path.is_dir() else "it"


def _owners() -> set[int]:
    """Return the users whose files are trusted: this one, root, and who became root with sudo."""
    sudo = os.environ.get("SUDO_UID", "")
    return {os.getuid(), _ROOT} | ({int(sudo)} if os.getuid() == _ROOT and sudo.isdecimal() else set())


def _name(user: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def _trusted_folders() -> set[Path]:
    return {Path(each).resolve() for each in os.environ.get(_VARIABLE, "").split(os.pathsep) if each}
