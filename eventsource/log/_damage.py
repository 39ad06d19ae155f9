"""Damaged files of a log: which one it is, in an error that says what is safe and what to do.

Files of ``events/`` and ``rejected/`` are the truth. None of them can be written again from others, so a damaged
one is an error, never a shorter answer. Reading changes nothing: a file that comes back from a backup is enough.
"""

import json
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from eventsource.errors import LogError
from eventsource.messages import first_line

__all__ = [
    "RESTORE",
    "MissingFileError",
    "check_names",
    "check_sizes",
    "damaged_commit",
    "is_inside",
    "undecodable_file",
]

RESTORE: Final = (
    "restore the file from a backup: nothing else was changed. eventsource check --deep names all damaged files"
)
_COMMIT: Final = re.compile(r"(\d{20})\.json")
_CHECKPOINT: Final = re.compile(r"\d{20}\.checkpoint.*\.parquet")


class MissingFileError(LogError, FileNotFoundError):
    """A file of the log is missing; or it was there, and an erasure has just replaced it: then try again."""


def is_inside(name: str) -> bool:
    """Return whether a name in a commit is that of a file within the folder of the table."""
    return not (name.startswith("/") or ":" in name or ".." in name.split("/"))


def check_names(table: str, names: Sequence[str]) -> None:
    """Check that files are within the folder of their table.

    Raises:
        LogError: a commit names a file elsewhere, so another program or person wrote it.
    """
    for name in names:
        if not is_inside(name):
            raise LogError(
                f"{table}: a commit names {name!r}, a file that is not in the folder of the table",
                hint="use a log that only eventsource wrote, or restore events/_delta_log from a backup",
            )


def check_sizes(folder: Path, sizes: pl.DataFrame) -> None:
    """Check that files exist and have the size that their commit says, which costs less than reading one of them.

    Args:
        folder: the folder of a table.
        sizes: ``path``, ``size_bytes``.

    Raises:
        LogError: a file is missing, or was cut short.
    """
    for name, size in sizes.select("path", "size_bytes").iter_rows():
        try:
            found = (folder / name).lstat()
        except OSError as error:
            raise MissingFileError(f"{folder.parent} lacks a file: {folder / name}", hint=RESTORE) from error
        if stat.S_ISLNK(found.st_mode):
            raise LogError(
                f"{folder / name} is a link; the files of a log are in the log's folder",
                hint="replace the link by the file that it leads to, if that is part of this log",
            )
        if found.st_size != size or not stat.S_ISREG(found.st_mode):
            raise LogError(
                f"{folder / name} is damaged: expected {size:,} bytes, got {found.st_size:,}", hint=RESTORE
            )


def undecodable_file(folder: Path, names: Sequence[str], schema: pl.Schema) -> LogError | None:
    """Return the error for the first file that Polars cannot decode with a schema; None: it can decode all."""
    for name in names:
        try:
            pl.scan_parquet(folder / name, schema=schema, glob=False).collect()
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            return LogError(f"{folder / name} is damaged: {first_line(error)}", hint=RESTORE)
    return None


def damaged_commit(folder: Path) -> str | None:
    """Return what is wrong with the commits of a table, in words that name a file; None: nothing is found."""
    return next(_faults_of_commits(folder / "_delta_log"), None)


def _faults_of_commits(folder: Path) -> Iterator[str]:
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    versions = [int(found[1]) for name in names if (found := _COMMIT.fullmatch(name))]
    for version in versions:
        file = folder / f"{version:020}.json"
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
            if not lines or not all(isinstance(json.loads(line), dict) for line in lines):
                yield f"{file} is damaged: expected a JSON object in each line"
        except (OSError, ValueError, RecursionError) as error:
            yield f"{file} is damaged: {first_line(error)}"
    has_checkpoint = any(_CHECKPOINT.fullmatch(name) for name in names)
    if not versions:
        if not has_checkpoint:
            yield f"{folder} has no commits"
        return
    first = versions[0] if has_checkpoint else 0  # Delta cleans up commits that a checkpoint contains
    for version in sorted(set(range(first, versions[-1])) - set(versions)):
        yield f"{folder / f'{version:020}.json'} is missing"
