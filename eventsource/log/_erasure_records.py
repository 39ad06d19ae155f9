"""What is known of erasures: the receipts of those that are done, and one that has begun."""

import json
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

import polars as pl
from msgspec import Struct
from msgspec.structs import asdict, fields

from eventsource.atomic_write import atomic_write
from eventsource.derived_folders import hold_lock, try_lock
from eventsource.errors import LogError
from eventsource.event import TIMESTAMP
from eventsource.messages import counted

__all__ = ["ERASURES_FOLDER", "RECEIPTS", "Erasure", "ErasureRecords", "Pending"]

ERASURES_FOLDER: Final = "erasures"
"""The folder of the receipts, within that of the log."""

_PENDING: Final = "pending.json"
_RECEIPTS: Final = "*-*.json"
_ID: Final = re.compile(r"\d{8}T\d{6}-[0-9a-f]{8}")


class Erasure(Struct, frozen=True):
    """What an erasure did; `Log.erasure_receipts` lists these receipts.

    Args:
        id: the name of the receipt; the metadata of the erased events have it.
        at: when it began.
        by: who called it.
        reason: why, in the words of the caller.
        events: how many events lost their payload and metadata, corrections included.
        corrections: how many of these are corrections of erased events.
        rejected: how many rejected lines were removed because they name an erased event or stream.
        hashed: whether ids and streams were replaced by salted hashes.
    """

    id: str
    at: datetime
    by: str
    reason: str
    events: int = 0
    corrections: int = 0
    rejected: int = 0
    hashed: bool = False

    @classmethod
    def begun_now(cls, *, by: str, reason: str, hashed: bool) -> Self:
        """Return the receipt of an erasure that begins."""
        at = datetime.now(UTC)
        return cls(f"{at:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}", at, by, reason, hashed=hashed)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self) | {"at": self.at.isoformat()}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Self:
        """Return the receipt that `to_dict` gave as plain data.

        Raises:
            ValueError: it is something else.
        """
        if not _ID.fullmatch(plain["id"]):  # it becomes the name of a file
            raise ValueError(plain["id"])
        return cls(**plain | {"at": datetime.fromisoformat(plain["at"])})

    def __str__(self) -> str:
        among = f" ({counted(self.corrections, 'correction')} among them)" if self.corrections else ""
        return f"{counted(self.events, 'event')}{among} and {counted(self.rejected, 'rejected line')}"


class Pending(Struct, frozen=True):
    """An erasure that has begun.

    Args:
        erasure: the receipt so far.
        streams: all of their events are erased.
        ids: these events are erased, those of the streams among them.
        salt: ids and the names of the streams are hashed with it; None: they stay.
    """

    erasure: Erasure
    streams: Sequence[str]
    ids: Sequence[str]
    salt: str | None

    def to_json(self) -> str:
        """Return it as JSON."""
        names = {
            "streams": list(self.streams),
            "ids": list(self.ids),
            "salt": self.salt,
        }  # `asdict` copies each name
        return json.dumps({"erasure": self.erasure.to_dict(), **names})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what `to_json` gave as JSON."""
        plain = json.loads(text)
        return cls(Erasure.from_dict(plain["erasure"]), plain["streams"], plain["ids"], plain["salt"])


_KINDS: Final = {
    "at": TIMESTAMP,
    "hashed": pl.Boolean(),
    **dict.fromkeys(("events", "corrections", "rejected"), pl.Int64()),
}
RECEIPTS: Final = pl.Schema({each.name: _KINDS.get(each.name, pl.String()) for each in fields(Erasure)})
"""The columns of receipts."""


class ErasureRecords:
    """The files of the folder of erasures.

    Args:
        folder: it need not exist; None: the log is on an object store, which has none.
    """

    def __init__(self, folder: Path | None) -> None:
        self.can_exist = folder is not None
        self._folder = folder or Path(ERASURES_FOLDER)

    def lock(self) -> AbstractContextManager[None]:
        """Wait until no other process erases events of this log."""
        return hold_lock(self._folder)

    def try_lock(self) -> AbstractContextManager[bool]:
        """Give whether no other process erases events of this log; then none can begin."""
        return try_lock(self._folder)

    def has_pending(self) -> bool:
        """Return whether an erasure has begun and did not end."""
        return self.can_exist and (self._folder / _PENDING).exists()

    def pending(self) -> Pending | None:
        """Return the erasure that has begun and did not end.

        Raises:
            LogError: its file cannot be read.
        """
        path = self._folder / _PENDING
        with _named(path, "erase the same events again after you have removed the file"):
            return Pending.from_json(path.read_text(encoding="utf-8")) if path.exists() else None

    def begin(self, pending: Pending) -> None:
        """Record that an erasure has begun; only the owner of the file can read what it names."""
        self._write(_PENDING, pending.to_json(), mode=0o600)

    def end(self, erasure: Erasure) -> None:
        """Write the receipt; the names of what was erased are removed."""
        self._write(f"{erasure.id}.json", json.dumps(erasure.to_dict(), indent=1), mode=0o666)
        (self._folder / _PENDING).unlink(missing_ok=True)

    def receipts(self) -> pl.DataFrame:
        """Return the receipts: the members of `Erasure`, the newest last."""
        paths = self._folder.glob(_RECEIPTS) if self.can_exist else ()
        found = []
        for path in paths:
            with _named(path, "restore the file from a backup, or remove it"):
                found.append(Erasure.from_dict(json.loads(path.read_bytes())))
        return pl.DataFrame([asdict(each) for each in found], schema=RECEIPTS).sort("at", "id")

    def _write(self, name: str, text: str, *, mode: int) -> None:
        """Write a file in one step; it is on the disk before the next step of an erasure begins."""
        self._folder.mkdir(exist_ok=True)
        with atomic_write(self._folder / name) as draft, _opened(draft, mode) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def _named(path: Path, hint: str) -> Iterator[None]:
    """Raise errors of reading a record as one that names its file."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LogError(f"{path} is damaged: {type(error).__name__} {error}", hint=hint) from error


@contextmanager
def _opened(path: Path, mode: int) -> Iterator[Any]:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
        yield file
