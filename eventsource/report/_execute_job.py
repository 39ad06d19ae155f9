"""Executing the notebook of a job: with pins, limits, and a look at what it imported."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from nbformat import NotebookNode

from eventsource.atomic_write import atomic_write
from eventsource.log import PINS, Pin, read_pins, write_pins
from eventsource.presentation import READERS
from eventsource.progress import Progress, no_progress
from eventsource.report._execute import execute
from eventsource.report._files import Files
from eventsource.report._job import Job, hash_of_file
from eventsource.report._limits import Limits
from eventsource.report._modules import MODULES, begin_modules, read_modules
from eventsource.report._personal import PERSONAL, Personal
from eventsource.report._redact import without_outputs
from eventsource.report._state import LogState, pins_of, states_of

__all__ = ["Executed", "execute_job"]


@dataclass(frozen=True, slots=True)
class Executed:
    """What came out of executing the notebook of a job.

    Args:
        notebook: the notebook with its outputs.
        states: the states of all logs that it read.
        sources: path → hash of the modules that it imported from below the root.
        personal: what its readers may not see; None: they may see everything.
    """

    notebook: NotebookNode
    states: list[LogState]
    sources: dict[str, str]
    personal: Personal | None


def execute_job(
    job: Job, files: Files, *, limits: Limits | None = None, progress: Progress = no_progress
) -> Executed:
    """Execute the notebook of a job.

    Raises:
        NotebookError: a cell failed, or a limit was reached.
    """
    with TemporaryDirectory(prefix="eventsource-run-") as folder:
        pins, modules = Path(folder, "pins.json"), Path(folder, "modules.json")
        readers, personal = Path(folder, "readers.json"), Path(folder, "personal.json")
        write_pins(pins, pins_of(job.states))
        _write_readers(readers, job)
        begin_modules(modules, job.root)
        environment = {PINS: str(pins), MODULES: str(modules), READERS: str(readers)}
        environment |= {PERSONAL: str(personal)} if job.audience else {}
        done = execute(
            job.raw,
            job.values,
            folder=job.notebook.resolve().parent,
            failed=files.executed(job.name, f"{job.run}-failed"),
            limits=limits or job.limits,
            environment=environment,
            cleared=without_outputs if job.audience else None,
            progress=progress,
        )
        pinned: Mapping[str, Pin | None] = read_pins(pins)
        base = job.root.resolve()
        sources = {path.relative_to(base).as_posix(): hash_of_file(path) for path in read_modules(modules, base)}
        hidden = Personal.read(personal) if job.audience else None
    found = {state.path: state for state in job.states}
    others = [  # a log that the notebook fills in a temporary folder is gone when the page is verified
        path
        for path, pin in pinned.items()
        if path not in found and (pin is not None or Path(path).is_relative_to(base))
    ]
    states = [*job.states, *states_of(others, datetime.now(UTC), pins=pinned)]
    return Executed(done, states, sources, hidden)


def _write_readers(file: Path, job: Job) -> None:
    """Write for whom the notebook runs, and how its definition shows fields."""
    settings = job.definition.settings if job.definition else None
    members = {
        "audience": None if job.audience is None else msgspec.to_builtins(job.audience),
        "key": job.key.hex(),
        "fields": msgspec.to_builtins(settings.fields) if settings else {},
    }
    with atomic_write(file, is_private=True) as draft:
        draft.write_text(json.dumps(members), encoding="utf-8")
