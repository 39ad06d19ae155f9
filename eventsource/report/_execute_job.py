"""Executing the notebook of a job: with pins, limits, and a look at what it imported."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from nbformat import NotebookNode

from eventsource.log import PINS, Pin, read_pins, write_pins
from eventsource.progress import Progress, no_progress
from eventsource.report._execute import SOURCES, execute
from eventsource.report._files import Files
from eventsource.report._job import Job, hash_of_file
from eventsource.report._limits import Limits
from eventsource.report._state import LogState, pins_of, states_of

__all__ = ["execute_job"]


def execute_job(
    job: Job, files: Files, *, limits: Limits | None = None, progress: Progress = no_progress
) -> tuple[NotebookNode, list[LogState], dict[str, str]]:
    """Execute the notebook of a job.

    Returns:
        the executed notebook; the states of all logs that it read; path → hash of the modules that it imported
        from below the root.

    Raises:
        NotebookError: a cell failed, or a limit was reached.
    """
    with TemporaryDirectory(prefix="eventsource-run-") as folder:
        pins, modules = Path(folder, "pins.json"), Path(folder, "modules.json")
        write_pins(pins, pins_of(job.states))
        done = execute(
            job.raw,
            job.values,
            folder=job.notebook.resolve().parent,
            failed=files.executed(job.name, f"{job.run}-failed"),
            limits=limits or job.limits,
            environment={PINS: str(pins), SOURCES: str(modules)},
            progress=progress,
        )
        pinned: Mapping[str, Pin | None] = read_pins(pins)
        sources = _sources(modules, job.root)
    found = {state.path: state for state in job.states}
    base = job.root.resolve()
    others = [  # a log that the notebook fills in a temporary folder is gone when the page is verified
        path
        for path, pin in pinned.items()
        if path not in found and (pin is not None or Path(path).is_relative_to(base))
    ]
    states = [*job.states, *states_of(others, datetime.now(UTC), pins=pinned)]
    return done, states, sources


def _sources(modules: Path, root: Path) -> dict[str, str]:
    """Return path → hash of the modules below the root that are neither installed nor of this package."""
    try:
        paths = json.loads(modules.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    package, base = Path(__file__).resolve().parents[1], root.resolve()
    found = {}
    for path in sorted({Path(os.path.realpath(path)) for path in paths}):
        if path.suffix == ".py" and path.is_relative_to(base) and not path.is_relative_to(package):
            relative = path.relative_to(base)
            if not any(part.startswith(".") or part == "site-packages" for part in relative.parts):
                found[relative.as_posix()] = hash_of_file(path)
    return found
