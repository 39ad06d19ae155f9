"""Errors of the storage as errors of this package."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import polars as pl
from deltalake.exceptions import DeltaError, TableNotFoundError

from eventsource.errors import AppendConflictError, LogError
from eventsource.log._damage import RESTORE, MissingFileError, damaged_commit
from eventsource.messages import first_line
from eventsource.redaction import harmless_cause

__all__ = ["CommitConflictError", "translate_errors"]

_CONFLICTS: Final = (
    "Concurrent transaction failed",
    "already exists",
    "Protocol changed since last commit",  # both writers created the table
    "Metadata changed since last commit",
)

_HINTS: Final = {
    "No space left": "free some space and do the same again: nothing was lost",
    "File too large": "raise the limit on the size of files and do the same again: nothing was lost",
    "Permission denied": "make the folder writable",
    "Read-only file system": "make the folder writable",
    "append-only": "events cannot be changed or deleted; append a correcting event",
    "NoSuchBucket": "create the bucket first",
    "Access Denied": "check the keys in storage_options",
    "InvalidAccessKeyId": "check the keys in storage_options",
}


class CommitConflictError(AppendConflictError):
    """Another writer has committed since the table was refreshed: refresh it and try again."""


@contextmanager
def translate_errors(path: str) -> Iterator[None]:
    """Turn the errors of the storage into those of this package."""
    try:
        yield
    except TableNotFoundError as error:
        raise LogError(f"the log {path} does not exist", hint="eventsource init, then eventsource pull") from error
    except (DeltaError, OSError, pl.exceptions.PolarsError) as error:
        if isinstance(error, LogError):
            raise
        text = str(error)
        if any(words in text for words in _CONFLICTS):
            raise CommitConflictError(f"another writer appended to {path} at the same moment") from error
        if isinstance(error, DeltaError) and "://" not in path and (fault := damaged_commit(Path(path))):
            raise LogError(fault, hint=RESTORE) from error
        hint = next((hint for words, hint in _HINTS.items() if words.lower() in text.lower()), None)
        kind = MissingFileError if isinstance(error, FileNotFoundError) else LogError
        raise kind(f"{path}: {first_line(error)}", hint=hint) from harmless_cause(error)
