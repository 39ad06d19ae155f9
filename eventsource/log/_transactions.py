"""All application transactions of a version of a table, from Delta's log itself.

delta-rs looks up one name at a time, and reads the log again for each: a thousand files would take seconds. The
log is read once here::

    _last_checkpoint                     {"version": 100, …}
    …0100.checkpoint.parquet             column txn: {appId, version}       all up to 100
    …0101.json                           {"txn": {"appId": …, "version": 8}}
    …0102.json                           later ones count
"""

import io
import json
from typing import Final

import msgspec
import polars as pl

from eventsource.log._storage import TRANSACTION_LOG, Storage

__all__ = ["all_transactions"]

_IS_TRANSACTION: Final = b'{"txn"'


class _Transaction(msgspec.Struct):
    appId: str  # noqa: N815 - Delta's name
    version: int


class _Action(msgspec.Struct):
    txn: _Transaction


_DECODE: Final = msgspec.json.Decoder(_Action).decode


def all_transactions(storage: Storage, number: int) -> dict[str, int] | None:
    """Return name → number of the application transactions of a version.

    Args:
        storage: the table.
        number: the version.

    Returns:
        None if this version cannot be read so: its checkpoint has several files, or commits of it are gone.
    """
    try:
        start, found = _from_checkpoint(storage, number)
        for version in range(start, number + 1):
            content = storage.read(f"{TRANSACTION_LOG}/{version:020}.json")
            actions = (_DECODE(line) for line in content.splitlines() if line.startswith(_IS_TRANSACTION))
            found |= {action.txn.appId: action.txn.version for action in actions}
    except (FileNotFoundError, KeyError, ValueError, pl.exceptions.PolarsError):
        return None
    return found


def _from_checkpoint(storage: Storage, number: int) -> tuple[int, dict[str, int]]:
    """Return the first version after Delta's last checkpoint, and the transactions up to it."""
    try:
        last = json.loads(storage.read(f"{TRANSACTION_LOG}/_last_checkpoint"))
    except FileNotFoundError:
        return 0, {}
    if last["version"] > number or last.get("parts"):
        raise ValueError(last)
    content = storage.read(f"{TRANSACTION_LOG}/{last['version']:020}.checkpoint.parquet")
    rows = pl.read_parquet(io.BytesIO(content), columns=["txn"])["txn"].drop_nulls().struct.unnest()
    named = rows.filter(pl.col("appId").is_not_null())
    return last["version"] + 1, dict(named.select("appId", "version").iter_rows())
