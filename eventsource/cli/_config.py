"""The project: the table ``[tool.eventsource]`` of the nearest ``pyproject.toml``, which options override.

```toml
[tool.eventsource]
log = "data/log"
model = "models:Customer"
source = "data/raw"
tz = "UTC"

[tool.eventsource.readmodel]
url = "sqlite:///data/customers.db"
table = "customers"
history = true
every = "5s"
```

``source`` may also be a list, a table, or several tables, see `eventsource.cli._sources`. Paths are relative to
the folder of the file. The module of ``model`` is imported from there, so the file must belong to the user: see
`eventsource.cli._trust`.
"""

import glob
import os
import tomllib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final, Self

from msgspec import Struct
from msgspec.structs import fields, replace

from eventsource.cli._errors import MissingError, UsageError
from eventsource.cli._sources import SourceSettings, open_source, source_settings
from eventsource.cli._trust import check_trusted
from eventsource.errors import LogError
from eventsource.event import Source
from eventsource.log import Log
from eventsource.messages import suggestion

__all__ = ["Project", "ReadModelSettings", "absolute_path", "short_path"]

_LOG: Final = "data/log"

_KEYS: Final = ("log", "model", "readmodel", "source", "tz")
_EXAMPLES: Final = {
    "log": '"data/log"',
    "model": '"models:Customer"',
    "tz": '"UTC"',
    "url": '"sqlite:///data/customers.db"',
    "table": '"customers"',
    "history": "true",
    "every": '"5s"',
}


class ReadModelSettings(Struct, frozen=True):
    """The settings of a project's read model.

    Args:
        url: the database.
        table: the name of the table.
        history: whether there is a second table with the history (SCD2).
        every: the interval between two refreshes of ``eventsource follow``.
    """

    url: str | None = None
    table: str | None = None
    history: bool = False
    every: str | None = None

    @classmethod
    def of(cls, file: Path, table: Any) -> Self:
        """Return the settings in the table ``[tool.eventsource.readmodel]`` of a file.

        Raises:
            UsageError: it is not a table, has an unknown key, or a value of the wrong type.
        """
        known = [each.name for each in fields(cls)]
        if not isinstance(table, dict):
            raise UsageError(
                f"{file}: readmodel: expected a table, got {table!r}",
                hint='[tool.eventsource.readmodel] url = "sqlite:///data/customers.db"',
            )
        for key, value in table.items():
            if key not in known:
                raise UsageError(
                    f"{file}: [tool.eventsource.readmodel]: unknown key {key!r}", hint=suggestion(key, known)
                )
            kind, expected = (bool, "true or false") if key == "history" else (str, "a text")
            if not isinstance(value, kind):
                raise UsageError(
                    f"{file}: {key}: expected {expected}, got {value!r}", hint=f"{key} = {_EXAMPLES[key]}"
                )
        return cls(**table)


class Project(Struct, frozen=True):
    """The settings of a project.

    Args:
        folder: the folder of its ``pyproject.toml``; without one, the working directory.
        log: folder or URL of the log.
        model: ``module:Class``, or None.
        settings: the sources of raw events.
        tz: time zone of moments, and of times of events, without one.
        readmodel: the SQL table that is kept equal to the model.
    """

    folder: Path
    log: str = _LOG
    model: str | None = None
    settings: tuple[SourceSettings, ...] = ()
    tz: str = "UTC"
    readmodel: ReadModelSettings = ReadModelSettings()

    @classmethod
    def find(cls, start: Path | None = None) -> Self:
        """Return the project of a folder: its ``pyproject.toml``, or that of the nearest folder above it.

        Args:
            start: the folder; default: the working directory.

        Raises:
            UsageError: the file is not TOML, or belongs to someone else (`check_trusted`), or has unknown
                keys or values of a wrong type.
        """
        here = (start or Path.cwd()).absolute()
        for folder in (here, *here.parents):
            file = folder / "pyproject.toml"
            table = _table(file)
            if table is not None:
                check_trusted(file)
                return cls._from(folder, table)
        return cls(here)

    def open(self, path: str | None = None) -> Log:
        """Return the log of the project, or the log at ``path``.

        Raises:
            MissingError: there is no log.
        """
        where = path or self.located(self.log)
        try:
            return Log(where, create=False)
        except LogError as error:
            raise MissingError.of(
                error, hint="create it: eventsource pull" + (f" --log {path}" if path else "")
            ) from error

    def located(self, path: str) -> str:
        """Return a path of the project relative to the working directory; URLs and absolute paths as they are."""
        if "://" in path or path.startswith("~") or Path(path).is_absolute():
            return path
        return os.path.relpath(self.folder / path)

    def sources(self, given: Sequence[str] = (), **mapping: Any) -> list[Source]:
        """Return one source for each path.

        Args:
            given: files, folders or globs as typed, or names of the project's sources; empty: all of the project.
            **mapping: arguments of `eventsource.source`; they override those of the project.

        Raises:
            UsageError: there is no path at all, or the mapping is invalid.
            MissingError: a file does not exist.
        """
        if not (given or self.settings):
            raise UsageError(
                "expected files to pull, got none",
                hint='eventsource pull FILE, or source = "data/raw" under [tool.eventsource] in pyproject.toml',
            )
        named = {each.name: each for each in self.settings if each.name is not None}
        typed = [named.get(text) or self._settings_of(absolute_path(text, Path.cwd())) for text in given]
        try:
            return [
                open_source(absolute_path(path, self.folder), {"tz": self.tz, **each.mapping, **mapping})
                for each in typed or self.settings
                for path in each.paths
            ]
        except MissingError as error:
            if not named or named.keys() >= set(given):
                raise
            names = ", ".join(named)
            raise MissingError.of(error, hint=f"the project's sources are {names}; or {error.hint}") from error

    def _settings_of(self, path: str) -> SourceSettings:
        """Return a typed path with the mapping of the source that it belongs to; without one, if it is in none."""
        for each in self.settings:
            of_source = [absolute_path(own, self.folder) for own in each.paths]
            if any(path == own or fnmatch(path, own) or is_inside(path, own) for own in of_source):
                return replace(each, paths=(path,))
        return SourceSettings((path,))

    @classmethod
    def _from(cls, folder: Path, table: Mapping[str, Any]) -> Self:
        file = folder / "pyproject.toml"
        for key in table:
            if key not in _KEYS:
                raise UsageError(f"{file}: [tool.eventsource]: unknown key {key!r}", hint=suggestion(key, _KEYS))
        for key in ("log", "model", "tz"):
            if not isinstance(table.get(key, ""), str):
                raise UsageError(
                    f"{file}: {key}: expected a text, got {table[key]!r}", hint=f"{key} = {_EXAMPLES[key]}"
                )
        settings = source_settings(file, table.get("source", []))
        plain = {key: table[key] for key in ("log", "model", "tz") if key in table}
        readmodel = ReadModelSettings.of(file, table.get("readmodel", {}))
        return cls(folder, settings=settings, readmodel=readmodel, **plain)


def absolute_path(path: str, folder: Path) -> str:
    """Return a path or glob as an absolute one.

    The checkpoint of a source is stored under its path, so the path must not depend on the working directory.
    """
    if "://" in path or path.startswith("~") or Path(path).is_absolute():
        return path
    base = glob.escape(str(folder)) if glob.has_magic(path) else str(folder)
    return os.path.normpath(f"{base}/{path}")


def is_inside(path: str, folder: str) -> bool:
    """Return whether a path on this machine is below a folder."""
    return "://" not in path and "://" not in folder and Path(path).is_relative_to(folder)


def short_path(path: str) -> str:
    """Return a path relative to the working directory if it is inside, else as it is."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


def _table(file: Path) -> Mapping[str, Any] | None:
    """Return the table of this package in a file, or None."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: expected TOML: {error}", hint="correct the file, or remove it") from error
    found = content.get("tool", {}).get("eventsource")
    if found is not None and not isinstance(found, dict):
        raise UsageError(
            f"{file}: tool.eventsource: expected a table, got {found!r}",
            hint='[tool.eventsource] log = "data/log"',
        )
    return found
