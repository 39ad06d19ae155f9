"""A job: everything about a run that is known before it starts, and the id that follows from it."""

import hashlib
import hmac
import json
import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from nbformat import NotebookNode

from eventsource.log import Pin
from eventsource.presentation import MASK
from eventsource.report._definition import Definition, read_definition
from eventsource.report._execute import read
from eventsource.report._files import Files
from eventsource.report._fit import fitted
from eventsource.report._limits import Limits
from eventsource.report._page import title_of
from eventsource.report._parameters import Parameter, declared, resolved
from eventsource.report._settings import Audience
from eventsource.report._sizes import bytes_of, seconds_of
from eventsource.report._state import LogState, states_of
from eventsource.report._words import in_words, is_moment

__all__ = ["FORMAT", "Job", "hash_of_file", "job_of", "log_path_of", "report_name", "with_key"]

FORMAT: Final = 1
"""The version of the format of manifests."""

_VERSIONS: Final = ("eventsource-workbench", "polars", "altair", "vl-convert-python", "nbconvert")
_LONGEST_NAME: Final = 60
_LOCKS: Final = ("requirements.lock", "uv.lock", "poetry.lock", "requirements.txt")


@dataclass(frozen=True, slots=True)
class Job:
    """What a run is.

    Args:
        name: the name of the report: of its definition, else of its notebook.
        notebook: the path of the notebook.
        raw: the notebook.
        definition: its definition; None: it has none.
        parameters: what it declares.
        values: the value of each parameter, moments absolute.
        states: the logs that it reads, pinned.
        root: the folder that paths of the manifest are relative to.
        now: when it was asked.
        due: the moment of a schedule, from which relative moments count; None: they count from ``now``.
        key: what pseudonyms depend on; empty for a report without an audience.
    """

    name: str
    notebook: Path
    raw: NotebookNode
    definition: Definition | None
    parameters: tuple[Parameter, ...]
    values: Mapping[str, Any]
    states: tuple[LogState, ...]
    root: Path
    now: datetime
    due: datetime | None
    key: bytes = b""

    @property
    def audience(self) -> Audience | None:
        """For whom it is; None: for everybody who gets its page, and everything is shown."""
        return self.definition.settings.readers if self.definition else None

    @property
    def public_values(self) -> dict[str, Any]:
        """The values of the parameters that manifests and the ledger have: texts may name a person.

        For an audience, only choices, numbers, flags and moments are among them.
        """
        if self.audience is None:
            return self.plain_values
        return {name: MASK if self._is_hidden(name) else value for name, value in self.plain_values.items()}

    def _is_hidden(self, name: str) -> bool:
        parameter = next(each for each in self.parameters if each.name == name)
        value = self.values[name]
        is_text = isinstance(value, str | list) and not parameter.choices and not is_moment(value)
        return self.audience is not None and is_text

    @property
    def title(self) -> str:
        """The title of the page; ``{as_of:day}`` in a definition's title is the value of a parameter."""
        if self.definition is None:
            return title_of(self.raw, self.notebook.stem)
        return self._filled("title", self.definition.settings.title)

    @property
    def description(self) -> str:
        """What the definition says about the report."""
        return "" if self.definition is None else self._filled("description", self.definition.settings.description)

    @property
    def limits(self) -> Limits:
        """What the run may use."""
        if self.definition is None:
            return Limits()
        settings = self.definition.settings
        return Limits(seconds_of(settings.timeout), bytes_of(settings.memory) if settings.memory else None)

    @property
    def run(self) -> str:
        """The id of the run: the moment of its data, and a hash of what it is made of and of what it was asked.

        The same question about the same data has the same id, so a page is made once.
        """
        moments = [state.recorded_at for state in self.states if state.recorded_at is not None]
        moment = max(moments, default=self.now).astimezone(UTC)
        made_of: list[Any] = [
            self.made_of,
            self.plain_values,
            [[s.path, s.identity, s.position] for s in self.states],
        ]
        made_of += [self.key.hex()] if self.key else []  # an id must not tell who was asked about
        digest = hashlib.sha256(json.dumps(made_of, sort_keys=True, default=str).encode()).hexdigest()[:8]
        return f"{moment:%Y-%m-%dT%H%M%S}-{digest}"

    @property
    def made_of(self) -> dict[str, str]:
        """The hashes of the notebook's code, the definition and the lock file, by path."""
        code = json.dumps([[cell.cell_type, cell.source] for cell in self.raw.cells])
        found = {self._relative(self.notebook): hashlib.sha256(code.encode()).hexdigest()}
        if self.definition is not None:
            text = self.definition.text.encode()
            found[self._relative(self.definition.file)] = hashlib.sha256(text).hexdigest()
        lock = next((self.root / name for name in _LOCKS if (self.root / name).is_file()), None)
        return found if lock is None else {**found, lock.name: hash_of_file(lock)}

    @property
    def plain_values(self) -> dict[str, Any]:
        """The values of the parameters as JSON holds them."""
        return {
            name: value if isinstance(value, str | int | float | list) or value is None else str(value)
            for name, value in self.values.items()
        }

    def series(self) -> str:
        """Return what the runs of one series have in common: the parameters that are not moments."""
        fixed = {
            parameter.name: self._fixed(parameter.name)
            for parameter in self.parameters
            if parameter.type not in ("date", "datetime") and not is_moment(self.values[parameter.name])
        }
        return json.dumps(fixed, sort_keys=True)

    def _fixed(self, name: str) -> Any:
        if not self._is_hidden(name):
            return self.plain_values[name]
        return hmac.digest(self.key, str(self.values[name]).encode(), hashlib.sha256).hex()[:16]

    def shown(self, given: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """Return the parameters in words: label and value. Paths of this machine are left out unless given."""
        return tuple(
            (parameter.label or parameter.name.replace("_", " "), self._said(parameter.name))
            for parameter in self.parameters
            if parameter.name in given or "/" not in str(self.values[parameter.name])
        )

    @property
    def tz(self) -> str:
        """The zone of moments that name none, in which instants are also shown."""
        return self.definition.settings.tz if self.definition else "UTC"

    def _said(self, name: str, form: str = "") -> str:
        """Return the value of a parameter in words, as its readers may see it."""
        return MASK if self._is_hidden(name) else in_words(self.values[name], form, tz=self.tz)

    def manifest(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Return what a page says that it was made of, before the run adds to it."""
        definition = self.definition
        return {
            "format": FORMAT,
            "report": self.name,
            "run": self.run,
            "title": self.title,
            "description": self.description,
            "notebook": self._relative(self.notebook),
            "definition": None if definition is None else self._relative(definition.file),
            "parameters": self.public_values,
            "given": {name: MASK if self._is_hidden(name) else text for name, text in given.items()},
            "shown": [list(pair) for pair in self.shown(given)],
            "series": self.series(),
            "made": self.now.isoformat(timespec="seconds"),
            "counted_from": (self.due or self.now).isoformat(timespec="seconds"),
            "python": platform.python_version(),
            "audience": None if self.audience is None else self.audience.name,
            "versions": {name: version(name) for name in _VERSIONS},
        }

    def _relative(self, path: Path) -> str:
        """Return a path relative to the root; of one outside, only its name: pages show no paths from here."""
        relative = os.path.relpath(path, self.root)
        return path.name if relative.startswith("..") else Path(relative).as_posix()

    def _filled(self, member: str, text: str) -> str:
        """Return a text of the definition with values of parameters in place of ``{name:format}``."""
        assert self.definition is not None  # noqa: S101 - the callers ask for it first

        def fill(found: re.Match[str]) -> str:
            if found[1] not in self.values:
                raise ValueError(f"unknown parameter {found[1]!r}")
            return self._said(found[1], found[2] or "")

        try:
            return re.sub(r"\{(\w+)(?::([^{}]+))?\}", fill, text)
        except (ValueError, TypeError, AttributeError) as error:
            raise self.definition.fault((member,), str(error), f'{member} = "Premium on {{as_of:day}}"') from error


def job_of(
    target: Definition | str | Path,
    given: Mapping[str, str],
    *,
    root: Path,
    log: str | None,
    now: datetime,
    due: datetime | None = None,
    pins: Mapping[str, Pin | None] | None = None,
) -> Job:
    """Return the job for a definition, or for a notebook without one.

    Args:
        target: a definition, the path of one (``.toml``), or of a notebook.
        given: parameter → text.
        root: the folder that paths of the manifest are relative to.
        log: the log that it reads where its definition names none.
        now: when it is made.
        due: what relative moments count from; default: ``now``.
        pins: positions of logs; default: their ends.

    Raises:
        DefinitionError: the definition is broken, or does not fit its notebook.
        ReportError: the notebook cannot be read; a parameter is unknown, or its value invalid.
    """
    if not isinstance(target, Definition):
        path = Path(target)
        target = read_definition(path) if path.suffix == ".toml" else path
    definition = target if isinstance(target, Definition) else None
    notebook = target.notebook if isinstance(target, Definition) else target
    raw = read(notebook)
    parameters = declared(raw)
    if definition is not None:
        parameters = fitted(definition, parameters)
    tz = definition.settings.tz if definition else "UTC"
    values = resolved(parameters, given, now=due or now, tz=tz)
    states = states_of(_logs(definition, log, notebook, values), now, pins=pins)
    name = definition.name if definition else report_name(notebook)
    return Job(name, notebook, raw, definition, tuple(parameters), values, tuple(states), root, now, due)


def with_key(job: Job, files: Files) -> Job:
    """Return a job for an audience with the key of its pseudonyms; any other as it is."""
    return job if job.audience is None else replace(job, key=files.key(job.name))


def log_path_of(definition: Definition) -> str | None:
    """Return the log that a definition names; None: it names none."""
    log = definition.settings.log
    return None if not log else log if "://" in log else str(definition.file.parent / log)


def report_name(notebook: Path) -> str:
    """Return the name of a report without a definition: that of its notebook, in letters of every file system."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", notebook.stem).strip("-")[:_LONGEST_NAME]
    digest = hashlib.sha256(notebook.stem.encode()).hexdigest()[:8]
    return name if name == notebook.stem else f"{name}-{digest}".strip("-")


def hash_of_file(file: Path) -> str:
    """Return the SHA-256 of a file; empty if it cannot be read."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""


def _logs(definition: Definition | None, log: str | None, notebook: Path, values: Mapping[str, Any]) -> list[str]:
    """Return the logs that a report reads: the one of its definition or project, and a parameter ``log_path``."""
    found = [log_path_of(definition) if definition and definition.settings.log else log]
    own = values.get("log_path")
    if isinstance(own, str) and own:
        found.append(own if "://" in own else str(notebook.parent / own))
    return [path for path in found if path]
