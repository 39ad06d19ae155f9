"""Report definitions: files such as ``reports/premium.toml`` that say what a report is.

```toml
title = "Premium"                        # of the page
notebook = "../notebooks/premium.ipynb"  # relative to this file, as all paths
headline = "premium"                     # the named result that the index draws

[parameters.as_of]                       # as the notebook's cell tagged `parameters` declares it
type = "date"
default = "last month end"

[fields.spent]                           # in place of what the model says
format = "money PLN"

[audience]                               # default: everybody who runs it, who sees everything
name = "partners"

[checks]
max_age = "2d"
expect = ["premium > 0"]

[schedule]
cron = "0 6 1 * *"
tz = "Europe/Warsaw"
```

Its name is that of the file. Everything is checked when it is read: an error names file and line, and what to
write.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Final

import msgspec

from eventsource.errors import DefinitionError, EventsourceError
from eventsource.formats import check_format
from eventsource.messages import suggestion
from eventsource.moment import time_zone
from eventsource.report._cron import check_cron
from eventsource.report._expectations import Expectation
from eventsource.report._settings import Audience, Checks, FieldSettings, ParameterSettings, Schedule, Settings
from eventsource.report._sizes import bytes_of, seconds_of
from eventsource.report._toml_lines import line_of

__all__ = ["Definition", "definitions", "read_definition"]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_RESERVED: Final = ("out", "index")
_FAULT: Final = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_STEP: Final = re.compile(r"\.?([A-Za-z_][\w-]*)|\[(\d+|\.\.\.)\]")


@dataclass(frozen=True, slots=True)
class Definition:
    """A report definition.

    Args:
        name: the name of its file without the ending.
        file: its file.
        text: the content of the file.
        settings: what it says.
    """

    name: str
    file: Path
    text: str
    settings: Settings

    @property
    def notebook(self) -> Path:
        """The path of its notebook."""
        return self.file.parent / self.settings.notebook

    def fault(self, path: tuple[str | int, ...], message: str, hint: str) -> DefinitionError:
        """Return the error about a member of the file, with the number of its line."""
        return _fault(self.file, self.text, path, message, hint)


def definitions(folder: str | Path) -> list[Definition]:
    """Return the definitions of a folder, ``*.toml``, by name.

    Raises:
        DefinitionError: one of them is broken.
    """
    return [read_definition(file) for file in sorted(Path(folder).glob("*.toml"))]


def read_definition(file: str | Path) -> Definition:
    """Return the definition in a file.

    Raises:
        DefinitionError: the file does not exist, is not TOML, or a member is unknown, missing or invalid.
    """
    path = Path(file)
    if not _NAME.fullmatch(path.stem) or path.stem in _RESERVED:
        raise DefinitionError(
            f"{path}: expected a name of small letters, digits, - and _, got {path.stem!r}",
            hint="rename the file, such as reports/premium.toml",
        )
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except FileNotFoundError as error:
        known = [other.stem for other in path.parent.glob("*.toml")]
        raise DefinitionError(f"{path} does not exist", hint=suggestion(path.stem, known)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionError(f"{path} cannot be read: {error}", hint="write TOML in UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError(
            f"{path}: expected TOML: {error}", hint='texts are in quotes: title = "…"'
        ) from error
    definition = Definition(path.stem, path, text, _settings(path, text, table))
    for check in (_check_paths, _check_values, _check_parameters):
        check(definition)
    return definition


def _settings(file: Path, text: str, table: Mapping[str, Any]) -> Settings:
    try:
        return msgspec.convert(_with_texts(table), Settings)
    except msgspec.ValidationError as error:
        parts = _FAULT.fullmatch(str(error))
        what, place = (parts["what"], parts["path"] or "") if parts else (str(error), "")
        steps = (int(step[1]) if step[1].isdigit() else step[0] or step[1] for step in _STEP.findall(place))
        path = _with_name(tuple(steps), table)
        member = re.search(r"field `([^`]*)`", what)
        if member and "unknown" in what:
            raise _fault(
                file, text, (*path, member[1]), f"unknown member {member[1]!r}", _known(path, member[1])
            ) from error
        raise _fault(file, text, path, _plain(what), _example(path, member[1] if member else "")) from error


def _with_name(path: tuple[str | int, ...], table: Mapping[str, Any]) -> tuple[str | int, ...]:
    """Return a path with the name of the table that is wrong; msgspec writes ``...`` in its place."""
    if len(path) < 2 or path[1] != "...":  # noqa: PLR2004 - the table of tables, and the table
        return path
    of = FieldSettings if path[0] == "fields" else ParameterSettings
    for name, value in table[str(path[0])].items():
        try:
            msgspec.convert(_with_texts(value), of)
        except msgspec.ValidationError:
            return (path[0], name, *path[2:])
    return path


def _with_texts(value: Any) -> Any:
    """Return a TOML value with dates and times as ISO 8601 texts, which is how parameters are written."""
    if isinstance(value, Mapping):
        return {name: _with_texts(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_texts(each) for each in value]
    return value.isoformat() if isinstance(value, date | datetime | time) else value


_EXAMPLES: Final[Mapping[str, str]] = {
    "title": 'title = "Premium"',
    "notebook": 'notebook = "../notebooks/premium.ipynb"',
    "type": 'type = "date", or one of datetime, int, float, str, choice, bool, entity',
    "cron": 'cron = "0 6 1 * *"',
    "catch_up": 'catch_up = "latest", or "none", or "all"',
    "expect": 'expect = ["premium > 0"]',
    "choices": 'choices = ["PL", "CZ"]',
    "keep": "keep = 24",
    "audience": 'audience = "partners", or [audience] with name = "partners"',
    "name": 'name = "partners"',
    "fields": '[fields.spent] with format = "money PLN"',
    "parameters": '[parameters.as_of] type = "date"',
}


def _example(path: tuple[str | int, ...], missing: str) -> str:
    names = [missing, *(str(step) for step in reversed(path))]
    return next(
        (_EXAMPLES[name] for name in names if name in _EXAMPLES), "see the page Reports of the documentation"
    )


def _known(path: tuple[str | int, ...], name: str) -> str:
    tables: dict[str, Any] = {
        "parameters": ParameterSettings,
        "checks": Checks,
        "schedule": Schedule,
        "audience": Audience,
        "fields": FieldSettings,
    }
    table = tables.get(str(path[0]), Settings) if path else Settings
    return suggestion(name, table.__struct_fields__)


def _plain(what: str) -> str:
    """Return a message of msgspec in the form *expected X, got Y*."""
    what = what.replace("`", "").replace("Object missing required field", "expected the member")
    for kind, plain in (
        ("str", "a text"),
        ("int", "an integer"),
        ("bool", "true or false"),
        ("object", "a table"),
    ):
        what = re.sub(rf"\b{kind}\b", plain, what)
    return what[0].lower() + what[1:]


def _fault(file: Path, text: str, path: tuple[str | int, ...], message: str, hint: str) -> DefinitionError:
    line = line_of(text, path)
    where = ".".join(str(step) for step in path if step != "...")
    return DefinitionError(f"{file}:{line}: {where + ': ' if where else ''}{message}", hint=hint)


def _check_paths(definition: Definition) -> None:
    try:
        missing = "" if definition.notebook.is_file() else "does not exist"
    except OSError as error:
        missing = f"cannot be looked up: {error.strerror}"
    if missing:
        raise definition.fault(
            ("notebook",),
            f"the notebook {definition.settings.notebook} {missing}",
            "give its path relative to the definition",
        )


def _check_values(definition: Definition) -> None:
    """Check what types cannot say, in the words of the function that would refuse it later."""
    settings = definition.settings
    given: list[tuple[tuple[str | int, ...], Any, Any]] = [
        (("timeout",), seconds_of, settings.timeout),
        (("memory",), bytes_of, settings.memory),
        (("tz",), time_zone, settings.tz),
        (("checks", "max_age"), seconds_of, settings.checks.max_age),
        *((("fields", name, "format"), check_format, each.format) for name, each in settings.fields.items()),
        *(
            (("checks", "expect", number), Expectation.of, text)
            for number, text in enumerate(settings.checks.expect)
        ),
    ]
    if settings.schedule is not None:
        given += [
            (("schedule", "cron"), check_cron, settings.schedule.cron),
            (("schedule", "tz"), time_zone, settings.schedule.tz),
        ]
    for path, check, value in given:
        if value:
            try:
                check(value)
            except (EventsourceError, ValueError) as error:
                hint = getattr(error, "hint", None) or "see the page Reports of the documentation"
                raise definition.fault(path, str(error).removesuffix(f"\nHint: {hint}"), hint) from error
    numbers = {"keep": settings.keep, "checks.events_at_least": settings.checks.events_at_least}
    if settings.readers is not None:
        numbers["audience.smallest_group"] = settings.readers.smallest_group
    for where, number in numbers.items():
        if number < 0:
            raise definition.fault(
                tuple(where.split(".")), f"expected a number >= 0, got {number}", f"{where} = 0"
            )


def _check_parameters(definition: Definition) -> None:
    for name, settings in definition.settings.parameters.items():
        path = ("parameters", name)
        if (settings.type == "choice") != bool(settings.choices):
            raise definition.fault(
                path,
                "expected choices for type choice, and for no other type",
                'type = "choice", choices = ["PL", "CZ"]',
            )
        if settings.choices and settings.default is not None and settings.default not in settings.choices:
            raise definition.fault(
                (*path, "default"),
                f"expected one of {', '.join(settings.choices)}, got {settings.default!r}",
                f'default = "{settings.choices[0]}"',
            )
