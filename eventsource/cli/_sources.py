"""The sources of a project: ``source`` in ``[tool.eventsource]``, each with its files and its mapping.

```toml
[tool.eventsource]
source = "data/raw"                     # one source without a mapping; a list of paths is the same

[tool.eventsource.source]               # or one with a mapping
path = "data/raw"
event_id = ["auditID", "stage"]

[[tool.eventsource.source]]             # or several, each with a name: `eventsource pull orders`
name = "orders"
path = "data/orders/*.csv"
events = [{type = "Ordered", occurred_at = "OrderDate"}]
```
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from eventsource.cli._errors import MissingError, UsageError
from eventsource.errors import MomentError, SourceError
from eventsource.event import Source

__all__ = ["SourceSettings", "open_source", "source_settings"]


class SourceSettings(Struct, frozen=True):
    """One source of a project.

    Args:
        paths: files, folders or globs.
        mapping: arguments of `eventsource.source` for these paths.
        name: what `eventsource pull` calls it; None: it has no name.
    """

    paths: tuple[str, ...]
    mapping: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None


def source_settings(file: Path, given: Any) -> tuple[SourceSettings, ...]:
    """Return the sources that ``source`` in a file gives: a path, a list of paths, a table, or a list of tables.

    Raises:
        UsageError: it is something else, a table of several has no name, or two have the same.
    """
    if isinstance(given, dict):
        return (_settings(file, given),)
    if isinstance(given, list) and given and all(isinstance(each, dict) for each in given):
        found = tuple(_settings(file, each) for each in given)
        names = [each.name for each in found]
        if None in names or len(set(names)) < len(names):
            raise UsageError(
                f"{file}: expected a name of its own for each of {len(names)} sources, got {names!r}",
                hint='[[tool.eventsource.source]] name = "orders"',
            )
        return found
    paths = _paths(file, given)
    return (SourceSettings(paths),) if paths else ()


def _settings(file: Path, table: Mapping[str, Any]) -> SourceSettings:
    mapping = dict(table)
    name = mapping.pop("name", None)
    if not isinstance(name, str | None):
        raise UsageError(f"{file}: source: expected a text as name, got {name!r}", hint='name = "orders"')
    return SourceSettings(_paths(file, mapping.pop("path", [])), mapping, name)


def _paths(file: Path, given: Any) -> tuple[str, ...]:
    paths = [given] if isinstance(given, str) else given
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise UsageError(
            f"{file}: source: expected a path or a list of paths, got {given!r}", hint='source = "data/raw"'
        )
    return tuple(paths)


def open_source(path: str, options: Mapping[str, Any]) -> Source:
    """Return the source of one path.

    Raises:
        UsageError: the mapping is invalid.
        MissingError: no file exists.
    """
    # Readers of all formats, and the options of a mapping, are needed by `pull` and `init` only.
    from eventsource.cli._mapping import as_options
    from eventsource.sources import source

    try:
        found = source(path, **options)
    except (SourceError, MomentError) as error:
        raise UsageError.of(error, hint=as_options(error.hint or "")) from error
    except TypeError as error:  # an argument in pyproject.toml of the wrong type
        raise UsageError(
            f"invalid source: {error}",
            hint="check [tool.eventsource.source] in pyproject.toml; see eventsource pull --help",
        ) from error
    try:
        _ = found.size  # looks for the files: an error here names the path before a pull begins
    except SourceError as error:
        raise MissingError.of(error, hint=as_options(error.hint or "")) from error
    return found
