"""Removing files that no version needs, and values from Delta's transaction log.

Which of the files in a folder may be removed while others write? Six files, and what happens to them::

    file     the newest version names it   written by
    part-1   yes                           a commit                           stays
    part-2   no, an older one does         a commit; then it was replaced     removed
    part-3   no                            a writer that was killed           removed
    part-4   no                            a writer that commits right now    removed; it fails, and tries again
    part-5   no                            a writer that began after step 2   stays: it was not there in step 1

    1. list the files
    2. commit a *fence*: application transactions that every commit carries, so that whoever began before conflicts
    3. remove the files of step 1 that the newest version does not name
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl
from msgspec import Struct

from eventsource.atomic_write import atomic_write
from eventsource.log._storage import SCRUBBED, TRANSACTION_LOG
from eventsource.log._table import Table, retry_conflicts
from eventsource.log._version import TableVersion
from eventsource.messages import counted

__all__ = ["Tidied", "remove_unneeded_files", "scrub_transaction_log"]

_ENDS: Final = ("minValues", "maxValues", "nullCount")


class Tidied(Struct, frozen=True):
    """How many ``files`` were removed, and their ``bytes``."""

    files: int
    bytes: int

    def __add__(self, other: "Tidied") -> "Tidied":
        return Tidied(self.files + other.files, self.bytes + other.bytes)

    def __str__(self) -> str:
        return f"{counted(self.files, 'file')} ({self.bytes / 1e6:,.1f} MB)"


def remove_unneeded_files(
    table: Table, transactions: Callable[[TableVersion], Mapping[str, int]], *, hours: int | None = None
) -> Tidied:
    """Remove the files of older versions, and those of writers that did not commit.

    Args:
        table: a table; without ``hours`` it is in a local folder.
        transactions: the application transactions of a commit that follows a version, for the fence.
        hours: only Parquet files that no version has needed for so many hours.
    """
    if not table.refresh():
        return Tidied(0, 0)
    before = set(table.data.names() if hours is None else table.unneeded_for(hours))
    if not before - table.refresh().names():
        return Tidied(0, 0)
    retry_conflicts(lambda: table.fence(transactions(table.refresh())), table)
    unneeded = before - table.refresh().names()
    return Tidied(len(unneeded), sum(table.data.remove(name) for name in unneeded))


def scrub_transaction_log(table: Table) -> None:
    """Remove values from commit files and checkpoints: the statistics of columns, and the conditions of rewrites.

    Commits of this package have none but those of `Table.statistics`. Those of other tools may have more, such
    as the least and the greatest payload of a file. No commit file disappears: a writer that began before would
    put its commit there. Each is replaced in one step.
    """
    folder = Path(table.path, TRANSACTION_LOG)
    if not table.refresh():
        return
    for path in sorted(folder.glob("*.json")):
        content = path.read_bytes()
        if (scrubbed := _scrubbed(content, table.statistics)) is not None:
            with atomic_write(path) as draft:
                draft.write_bytes(scrubbed)
    unclean = [path for path in folder.glob("*.checkpoint*.parquet") if _has_values(path, table.statistics)]
    if unclean:
        table.create_checkpoint()
        newest = json.loads((folder / "_last_checkpoint").read_bytes())["version"]
        for path in unclean:
            if int(path.name.split(".")[0]) < newest:
                path.unlink(missing_ok=True)


def _scrubbed(content: bytes, columns: tuple[str, ...]) -> bytes | None:
    """Return a commit file without values; None if it has none."""
    actions = [json.loads(line) for line in content.splitlines() if line.strip()]
    changed = [_scrub(action, columns) for action in actions]
    if not any(changed):
        return None
    information = next((action["commitInfo"] for action in actions if "commitInfo" in action), None)
    if information is None:
        information = {}
        actions.append({"commitInfo": information})
    information["eventsource.scrubbed"] = True
    lines = [json.dumps(action, separators=(",", ":"), ensure_ascii=False).encode() for action in actions]
    found = b"\n".join(lines)
    assert SCRUBBED in found  # noqa: S101 - `Table` looks for it
    return found


def _scrub(action: dict[str, Any], columns: tuple[str, ...]) -> bool:
    """Remove values from one action; return whether there were any."""
    changed = False
    for name in ("add", "remove"):
        file = action.get(name) or {}
        if (stats := _clean(file.get("stats"), columns)) is not None:
            file["stats"], changed = stats, True
        if file.pop("tags", None):
            changed = True
    parameters = (action.get("commitInfo") or {}).get("operationParameters") or {}
    if parameters.get("predicate") not in (None, "", "[]", "null"):
        del parameters["predicate"]
        changed = True
    return changed


def _clean(stats: str | None, columns: tuple[str, ...]) -> str | None:
    """Return the statistics of a file with those of some columns only; None if it has no others."""
    if not stats:
        return None
    plain = json.loads(stats)
    others = {name for end in _ENDS for name in plain.get(end) or {} if name not in columns}
    if not others:
        return None
    for end in _ENDS:
        kept: Mapping[str, Any] = plain.get(end) or {}
        plain[end] = {name: value for name, value in kept.items() if name in columns}
    return json.dumps(plain, separators=(",", ":"))


def _has_values(checkpoint: Path, columns: tuple[str, ...]) -> bool:
    """Return whether a checkpoint has statistics of other columns; one that cannot be read counts as such."""
    try:
        adds = pl.read_parquet(checkpoint, columns=["add"])["add"].drop_nulls()
    except pl.exceptions.PolarsError:
        return True
    fields = {field.name for field in adds.dtype.fields} if isinstance(adds.dtype, pl.Struct) else set()
    if "stats_parsed" in fields:
        return True
    stats = adds.struct.field("stats") if "stats" in fields else pl.Series([], dtype=pl.String)
    return any(_clean(text, columns) is not None for text in stats)
