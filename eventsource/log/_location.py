"""Where a log is: the path as the user gave it, the absolute path, and whether the folder may hold a log."""

import re
from pathlib import Path

from eventsource.errors import LogError

__all__ = ["check_folder", "locate"]

_FOLDERS = frozenset({"events", "rejected", "erasures", "locks", "index", "snapshots"})
_IN_PLACE = ("events", "events/_delta_log", "rejected", "rejected/_delta_log", "erasures")
"""What may be no link: someone else's log could lead appends and erasures to any folder of the user."""
_UNUSABLE = re.compile(r"[\x00-\x1f\[\]\\^|\ud800-\udfff]|%[0-9A-Fa-f]{2}")


def locate(path: str | Path) -> tuple[str, str]:
    """Return the path or URL to show, and the absolute one, which does not depend on the working directory."""
    text = str(path).removeprefix("file://")
    if "://" in text:
        return text.rstrip("/"), text.rstrip("/")
    try:
        folder = Path(text).expanduser()
    except RuntimeError as error:
        raise LogError(f"{text}: this home folder is not known", hint="write the path in full") from error
    absolute = folder.absolute().as_posix()
    if found := _UNUSABLE.search(absolute):
        raise LogError(f"{folder}: Delta Lake accepts no path with {found[0]!r}", hint="name another folder")
    return str(folder), absolute


def check_folder(folder: Path) -> None:
    """Check that a folder is a log or may become one: it is absent, empty, or holds folders of a log only.

    Raises:
        LogError: it holds something else, or a link in place of one of its folders.
    """
    try:
        if not folder.exists():
            return
        names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
        events = {path.name for path in (folder / "events").iterdir()} if "events" in names else set()
    except OSError as error:
        raise LogError(f"{folder} is not an event log: {error.strerror}", hint="name a folder") from error
    if links := [folder / each for each in _IN_PLACE if (folder / each).is_symlink()]:
        raise LogError(
            f"{links[0]} is a link; the folders of a log are in the log's folder",
            hint="replace the link by the folder that it leads to, or move the whole log and link to its folder",
        )
    if (names and not names & _FOLDERS) or (events and "_delta_log" not in events):
        raise LogError(
            f"{folder} is not an event log (unexpected files)", hint="name another folder, or an empty one"
        )
