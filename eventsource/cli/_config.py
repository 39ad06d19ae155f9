"""The project: what ``[tool.eventsource]`` in the nearest ``pyproject.toml`` says, and what options override.

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

``source`` may be a list, or a table with ``path`` and the arguments of `eventsource.source`. Paths are relative to
the file.
"""

import glob
import importlib
import os
import sys
import tomllib
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self

from eventsource.cli._failures import MissingError, UsageError
from eventsource.errors import LogError, MomentError, SourceError
from eventsource.event import Source
from eventsource.log import Log
from eventsource.messages import suggestion
from eventsource.model import Model, plan_of
from eventsource.plan import Plan
from eventsource.sources import source

__all__ = ["Project", "ReadModelSettings", "absolute", "load_plan", "near"]

_LOG: Final = "data/log"

_KEYS: Final = ("log", "model", "readmodel", "source", "tz")


@dataclass(frozen=True)
class ReadModelSettings:
    """What a project says about its read model.

    Args:
        url: the database.
        table: what the table is called.
        history: whether to keep a table of intervals too.
        every: between two refreshes of a service.
    """

    url: str | None = None
    table: str | None = None
    history: bool = False
    every: str | None = None

    @classmethod
    def of(cls, file: Path, table: Any) -> Self:
        """Return what a table of a file says.

        Raises:
            UsageError: it is none, or says what is not known.
        """
        known = [each.name for each in fields(cls)]
        if not isinstance(table, dict):
            raise UsageError(f"{file}: readmodel is not a table", hint='[tool.eventsource.readmodel] url = "…"')
        for key, value in table.items():
            if key not in known:
                raise UsageError(
                    f"{file}: [tool.eventsource.readmodel] has no {key!r}", hint=suggestion(key, known)
                )
            kind, what = (bool, "true or false") if key == "history" else (str, "a text")
            if not isinstance(value, kind):
                raise UsageError(f"{file}: {key} is {value!r}, not {what}")
        return cls(**table)


@dataclass(frozen=True)
class Project:
    """What a project says about itself.

    Args:
        folder: where its ``pyproject.toml`` is; without one, the working directory.
        log: folder or URL of the log.
        model: ``module:Class``, or None.
        paths: where the raw events are.
        mapping: arguments of `eventsource.source` for them.
        tz: zone of moments that name none.
        readmodel: where a model is kept as an SQL table.
    """

    folder: Path
    log: str = _LOG
    model: str | None = None
    paths: tuple[str, ...] = ()
    mapping: Mapping[str, Any] = field(default_factory=dict)
    tz: str = "UTC"
    readmodel: ReadModelSettings = ReadModelSettings()

    @classmethod
    def find(cls, start: Path | None = None) -> Self:
        """Return the project of a folder (default: the working directory), from the nearest file upward.

        Raises:
            UsageError: the file is no TOML, or its table says what is not known.
        """
        here = (start or Path.cwd()).absolute()
        for folder in (here, *here.parents):
            table = _table(folder / "pyproject.toml")
            if table is not None:
                return cls._from(folder, table)
        return cls(here)

    def open(self, path: str | None = None) -> Log:
        """Return the log of the project, or the one that an option names.

        Raises:
            MissingError: there is none.
        """
        where = path or self.located(self.log)
        try:
            return Log(where, create=False)
        except LogError as error:
            raise MissingError.of(error, hint=None if path else "eventsource pull makes it") from error

    def located(self, path: str) -> str:
        """Return a path of the project as seen from the working directory; URLs and absolute paths as they are."""
        if "://" in path or Path(path).expanduser().is_absolute():
            return path
        return os.path.relpath(self.folder / path)

    def sources(self, paths: Sequence[str] = (), **mapping: Any) -> list[Source]:
        """Return the sources that paths name, or those of the project; each of them pulls on its own.

        Args:
            paths: files, folders, globs as typed; none: the project's, with the project's mapping.
            **mapping: arguments of `eventsource.source`, which win over the project's.

        Raises:
            UsageError: no source at all, or a mapping that cannot be meant.
            MissingError: there is no such file.
        """
        folder = Path.cwd() if paths else self.folder
        if not (paths or self.paths):
            raise UsageError(
                "no source is named",
                hint='name files, or write source = "…" under [tool.eventsource] in pyproject.toml',
            )
        options = mapping if paths else {**self.mapping, **mapping}
        return [_source_of(absolute(path, folder), options) for path in paths or self.paths]

    @classmethod
    def _from(cls, folder: Path, table: Mapping[str, Any]) -> Self:
        file = folder / "pyproject.toml"
        for key in table:
            if key not in _KEYS:
                raise UsageError(f"{file}: [tool.eventsource] has no {key!r}", hint=suggestion(key, _KEYS))
        for key in ("log", "model", "tz"):
            if not isinstance(table.get(key, ""), str):
                raise UsageError(f"{file}: {key} is {table[key]!r}, not a text")
        paths, mapping = _source(file, table.get("source", []))
        plain = {key: table[key] for key in ("log", "model", "tz") if key in table}
        kept = ReadModelSettings.of(file, table.get("readmodel", {}))
        return cls(folder, paths=paths, mapping=mapping, readmodel=kept, **plain)


def absolute(path: str, folder: Path) -> str:
    """Return a path or glob from wherever it is seen: a source is known by it, so it must not change."""
    if "://" in path or Path(path).expanduser().is_absolute():
        return path
    base = glob.escape(str(folder)) if glob.has_magic(path) else str(folder)
    return os.path.normpath(f"{base}/{path}")


def near(path: str) -> str:
    """Return a path as it is seen from the working directory, where that is shorter."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


def load_plan(name: str | None, folder: Path) -> Plan:
    """Return the plan of the model that a text such as ``models:Customer`` names.

    Args:
        name: module and class; the module may stand in the project's folder.
        folder: of the project; it comes first on the module path.

    Raises:
        UsageError: no such module or class, or a module that fails when it is imported.
    """
    if name is None:
        raise UsageError(
            "no model is named",
            hint='--model module:Class, or model = "…" under [tool.eventsource] in pyproject.toml',
        )
    module_name, _, path = name.partition(":")
    if not module_name or not path:
        raise UsageError(f"{name!r} names no model", hint="write module:Class, such as models:Customer")
    module = _imported(module_name, folder)
    found: Any = module
    for part in path.split("."):
        found = getattr(found, part, None)
    if found is None:
        known = [key for key, value in vars(module).items() if _is_model(value)]
        raise UsageError(f"module {module_name} has no model {path!r}", hint=suggestion(path, known))
    return plan_of(found)


def _imported(name: str, folder: Path) -> Any:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise UsageError(f"module {name} cannot be imported: {error}{_where(error)}") from error
        known = [path.stem for path in folder.glob("*.py")]
        raise UsageError(f"there is no module {name!r} in {folder}", hint=suggestion(name, known)) from error
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise UsageError(f"module {name} cannot be imported: {what}{_where(error)}") from error


def _where(error: Exception) -> str:
    """Return the last line of the user's own code that an error went through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_foreign(frame.filename)]
    if isinstance(error, SyntaxError):
        return f" ({error.filename}:{error.lineno})"
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""


def _is_foreign(file: str) -> bool:
    return file.startswith("<") or Path(__file__).parents[1] in Path(file).parents or file == importlib.__file__


def _is_model(value: Any) -> bool:
    return isinstance(value, Plan) or (isinstance(value, type) and issubclass(value, Model) and value is not Model)


def _table(file: Path) -> Mapping[str, Any] | None:
    """Return the table of this package in a file, or None."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is not TOML: {error}") from error
    found = content.get("tool", {}).get("eventsource")
    if found is not None and not isinstance(found, dict):
        raise UsageError(f"{file}: tool.eventsource is not a table")
    return found


def _source_of(path: str, options: Mapping[str, Any]) -> Source:
    try:
        found = source(path, **options)
    except (SourceError, MomentError) as error:
        raise UsageError.of(error) from error
    except TypeError as error:  # an argument of the configuration that is no text
        raise UsageError(f"the source cannot be read so: {error}") from error
    try:
        _ = found.size
    except SourceError as error:
        raise MissingError.of(error) from error
    return found


def _source(file: Path, source: Any) -> tuple[tuple[str, ...], Mapping[str, Any]]:
    """Return paths and mapping from a text, a list of texts, or a table."""
    mapping = dict(source) if isinstance(source, dict) else {}
    paths = mapping.pop("path", []) if isinstance(source, dict) else source
    texts = [paths] if isinstance(paths, str) else paths
    if not isinstance(texts, list) or not all(isinstance(path, str) for path in texts):
        raise UsageError(f"{file}: source is {source!r}", hint='source = "data/raw"')
    return tuple(texts), mapping
