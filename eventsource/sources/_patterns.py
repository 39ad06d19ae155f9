"""The files of a path, a folder or a glob.

A pull of a folder that it knows already is mostly this search, so what files of one folder share is looked up
once: the real path of the folder, and whether it is part of a log.
"""

import glob
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

__all__ = ["matching_files", "short_name"]


def matching_files(pattern: str, is_wanted: Callable[[Path], bool]) -> tuple[dict[str, Path], set[Path]]:
    """Return the files of a path, a folder (recursively) or a glob, in order of path: real path → absolute path.

    Args:
        pattern: the path, folder or glob.
        is_wanted: whether a file of a folder is one of events.

    Returns:
        The files, and the logs among the folders: their own files are skipped.
    """
    path = Path(pattern)
    if path.is_file():
        return _by_real_path([path]), set()
    if path.is_dir():
        found = [file for file in path.rglob("*") if _is_visible_file(file) and is_wanted(file)]
    else:
        found = [Path(name) for name in glob.glob(pattern, recursive=True) if os.path.isfile(name)]  # noqa: PTH113, PTH207
    folders = {file.parent for file in found}
    logs = {folder for folder in {above for each in folders for above in (each, *each.parents)} if _is_log(folder)}
    inside = {folder for folder in folders if not logs.isdisjoint((folder, *folder.parents))}
    return _by_real_path(sorted(file for file in found if file.parent not in inside)), logs


def short_name(patterns: Sequence[str], file: str) -> str:
    """Return the name of a file in the ids of events: relative to its folder or glob, with ``/``."""
    for pattern in patterns:
        base = Path(os.path.abspath(_folder_of(pattern)))  # noqa: PTH100 - folds ".."
        if Path(file).is_relative_to(base):
            return Path(file).relative_to(base).as_posix()
    return Path(file).name


def _folder_of(pattern: str) -> str:
    """Return a folder itself, the folder of a file, or the part of a glob before its first wildcard."""
    if os.path.isdir(pattern):  # noqa: PTH112 - a glob is not a path
        return pattern
    parts = Path(pattern).parts
    plain = next((number for number, part in enumerate(parts[:-1]) if glob.has_magic(part)), len(parts) - 1)
    return str(Path(*parts[:plain])) if plain else "."


def _by_real_path(files: Iterable[Path]) -> dict[str, Path]:
    """Return each file once, by its path without symbolic links."""
    found: dict[str, Path] = {}
    real_folders: dict[Path, str] = {}
    for file in files:
        folder = file.parent
        if folder not in real_folders:
            real_folders[folder] = os.path.realpath(folder)
        real = os.path.realpath(file) if file.is_symlink() else os.path.join(real_folders[folder], file.name)  # noqa: PTH118 - a thousand times
        found.setdefault(real, Path(os.path.abspath(file)))  # noqa: PTH100 - folds ".."
    return found


def _is_visible_file(path: Path) -> bool:
    return not path.name.startswith(".") and path.is_file()


def _is_log(folder: Path) -> bool:
    return (folder / "events" / "_delta_log").is_dir()
