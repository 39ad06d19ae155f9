"""The files of reports, all below one folder, ``reports/out`` by default.

```text
index.html                        all reports and their runs
board/latest.html                 a copy of the newest good page
board/2024-12-31T234800-1a2b3c4d.html          a page: the moment of its data, and what it was asked
board/2024-12-31T234800-1a2b3c4d.json          its manifest
board/2024-12-31T234800-1a2b3c4d-diff.html     what changed since the run before
board/2024-12-31T234800-1a2b3c4d-failed.html   what readers see of a run that failed, with a manifest
.private/board/….ipynb            executed notebooks, with code and tracebacks: only their owner may read them
.private/runs.sqlite              the ledger of all runs
.private/pseudonyms.key            what pseudonyms depend on; made by the first run for an audience
```

The names of runs sort by time. Everything is written as a whole, so a reader sees an old file or a new one.
"""

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eventsource.atomic_write import atomic_write
from eventsource.derived_folders import hold_lock
from eventsource.errors import ReportError
from eventsource.report._manifest import published_manifest

__all__ = ["FAILED", "Files"]

_KEY_BYTES: Final = 32
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL
FAILED: Final = "-failed"
"""How the names of runs end that failed."""


@dataclass(frozen=True, slots=True)
class Files:
    """The folder of all pages.

    Args:
        out: the folder.
    """

    out: Path

    def page(self, report: str, run: str) -> Path:
        """Return the path of a page."""
        return self.out / report / f"{run}.html"

    def diff(self, report: str, run: str) -> Path:
        """Return the path of the page that compares a run with the one before it."""
        return self.out / report / f"{run}-diff.html"

    def latest(self, report: str) -> Path:
        """Return the path of the copy of a report's newest page."""
        return self.out / report / "latest.html"

    def executed(self, report: str, run: str) -> Path:
        """Return the path of an executed notebook."""
        return self.private / report / f"{run}.ipynb"

    @property
    def private(self) -> Path:
        """The folder that only its owner can read."""
        return self.out / ".private"

    def key(self, report: str) -> bytes:
        """Return what the pseudonyms of a report depend on; it follows from a secret, made at the first call.

        Raises:
            ReportError: the secret cannot be read or written.
        """
        file = self.private / "pseudonyms.key"
        try:
            if not file.exists():
                self.private.mkdir(mode=0o700, parents=True, exist_ok=True)
                with suppress(FileExistsError), os.fdopen(os.open(file, _NEW, 0o600), "wb") as made:
                    made.write(secrets.token_bytes(_KEY_BYTES))
            secret = file.read_bytes()
        except OSError as error:
            raise ReportError(
                f"the key of pseudonyms {file} cannot be read: {error.strerror or error}",
                hint="restore it from a backup, or free some space",
            ) from error
        if len(secret) != _KEY_BYTES:
            raise ReportError(
                f"the key of pseudonyms {file} is damaged", hint="restore it; without it all pseudonyms change"
            )
        return hmac.digest(secret, report.encode(), hashlib.sha256)

    def lock(self, report: str) -> AbstractContextManager[None]:
        """Hold the lock of a report: its runs follow each other. A process that dies releases it."""
        self.private.mkdir(mode=0o700, parents=True, exist_ok=True)
        return hold_lock(self.private / report)

    def reports(self) -> list[str]:
        """Return the names of all reports that have a manifest."""
        names = sorted({file.parent.name for file in self.out.glob("[!.]*/*.json")})
        return [name for name in names if self.manifests(name)]

    def manifests(self, report: str) -> list[dict[str, Any]]:
        """Return the manifests of a report's runs, those of older data first; broken ones are left out.

        Runs of the same data, such as with changed code, are in the order in which they were made: the hash at the
        end of their names has none.
        """
        found = (self.manifest(report, file.stem) for file in (self.out / report).glob("*.json"))
        manifests = [manifest for manifest in found if manifest is not None]
        return sorted(manifests, key=lambda each: (each["run"].rpartition("-")[0], str(each["made"]), each["run"]))

    def manifest(self, report: str, run: str) -> dict[str, Any] | None:
        """Return the manifest beside a page; None: there is none, or it is not one."""
        try:
            members = json.loads((self.out / report / f"{run}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        return published_manifest(members, report=report, run=run)

    def write(self, path: Path, text: str) -> None:
        """Write a file as a whole: readers see the old one or the new one.

        Raises:
            ReportError: the folder cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(path) as draft:
                draft.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ReportError(
                f"{path} cannot be written: {error.strerror or error}",
                hint="free some space, or name another folder with --out; the page of an earlier run is as before",
            ) from error

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write a manifest beside its page."""
        text = json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True)
        self.write(self.out / manifest["report"] / f"{manifest['run']}.json", f"{text}\n")

    def remove(self, report: str, run: str) -> None:
        """Remove a run: page, manifest, comparison and executed notebook."""
        manifest = self.out / report / f"{run}.json"
        for file in (self.page(report, run), manifest, self.diff(report, run), self.executed(report, run)):
            file.unlink(missing_ok=True)
