"""The commands `init`, `demo` and `lab`: a new project, made-up data to learn with, the notebooks."""

import json
import math
import os
import sys
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from textwrap import indent
from time import perf_counter
from typing import Annotated, Final

import click

from eventsource.atomic_write import atomic_write
from eventsource.cli._config import Project, absolute_path
from eventsource.cli._errors import UsageError, writing
from eventsource.cli._parameters import Argument, Option
from eventsource.cli._progress import Bar
from eventsource.cli._proposal import Proposal, propose
from eventsource.cli._sniff import Sniffed, sniffed, source_table
from eventsource.cli._terminal import note, say
from eventsource.errors import SourceError

__all__ = ["demo", "init", "lab"]

_HIDDEN: Final = "gitignore"
_SHOWN: Final = 8
_CONFIG_PATH: Final = "JUPYTER_CONFIG_PATH"
"""Folders in which Jupyter looks for settings, the most important first."""
_SETTINGS_OF_LAB: Final = Path("jupyter", "config")
"""The settings that this package gives JupyterLab."""
_DEMO: Final = "data/raw/demo.jsonl.gz"
_ENVELOPE: Final = ("event_id", "stream", "type", "occurred_at")


def init(
    folder: Annotated[Path, Argument(metavar="FOLDER", help="The folder of the project.")] = Path(),
    *,
    log_file: Annotated[
        str | None,
        Option(
            "--from",
            "--log-file",
            metavar="FILE",
            help="A raw log; its mapping and models.py are guessed from its first events.",
        ),
    ] = None,
) -> None:
    """Write the files of a new project; files that exist stay as they are."""
    found = sniffed(log_file, {}) if log_file else None
    proposal = propose(found.batch) if found else None
    source = absolute_path(log_file, Path.cwd()) if log_file else "data/raw"
    guessed = proposal.module if proposal else ""
    values = {
        "source": json.dumps(source, ensure_ascii=False),
        "setting": "# (see [tool.eventsource.source] below)"
        if found and found.mapping
        else f"source = {json.dumps(source)}",
        "mapping": _mapping_table(source, found),
        "model": proposal.name if proposal and guessed else "Customer",
        "project": folder.absolute().name,
    }
    for path, template in _skeleton():
        text = guessed if guessed and path == Path("models.py") else template.safe_substitute(values)
        say(f"{'wrote ' if _write(folder / path, text) else 'exists'}  {folder / path}")
    if proposal and found:
        _print_proposal(proposal)
        _print_mapping(found)
    _print_next_steps(folder, values["source"])


def demo(
    path: Annotated[
        Path | None,
        Argument(
            metavar="PATH",
            help=f"A .jsonl.gz or .jsonl file; an existing one is replaced. Default: {_DEMO}.",
            show_default=False,
        ),
    ] = None,
    *,
    customers: Annotated[
        float,
        Option("--customers", metavar="COUNT", help="How many customers sign up; 1e6 makes 24 million events."),
    ] = 400,
    seed: Annotated[int, Option("--seed", metavar="NUMBER", help="The seed of the random numbers.")] = 7,
    since: Annotated[str, Option("--since", metavar="DATE", help="The first day, in UTC.")] = "2023-01-01",
    until: Annotated[str, Option("--until", metavar="DATE", help="The last day, in UTC.")] = "2024-12-31",
) -> None:
    """Write the raw log of a made-up subscription business.

    The same options give the same bytes. The log has faults: duplicates, conflicts, broken lines, late events.
    """
    from eventsource.demo import write  # slow to import, and `init` and `lab` do without it

    if not (math.isfinite(customers) and customers >= 0):
        raise UsageError(f"--customers: expected a number of customers, got {customers}", hint="--customers 1e6")
    target, begun = path or Path(Project.find().located(_DEMO)), perf_counter()
    try:
        hint = "free some space, or name a file that you may write"
        with writing(target, hint), Bar() as bar:
            made = write(
                target,
                customers=int(customers),
                seed=seed,
                since=since,
                until=until,
                progress=lambda share: bar.draw("writing events", share, 1.0),
            )
    except SourceError as error:
        raise UsageError.of(error) from error
    lines, size, took = sum(made.values()) - made["late"], target.stat().st_size / 1e6, perf_counter() - begun
    say(f"{target}: {lines:,} lines of {int(customers):,} customers ({size:,.1f} MB) in {took:.1f} s")
    faults = "{duplicates:,} duplicates, {conflicts:,} conflicts, {broken:,} broken lines, {late:,} late events"
    say(f"with {faults.format(**made)}\nnext: eventsource pull {target}")


def lab(context: click.Context) -> None:
    """Open the project in JupyterLab.

    All options are passed on to JupyterLab. It does not ask about news, unless your settings say so.
    """
    os.chdir(Project.find().folder)
    settings = [os.fspath(Path(str(files("eventsource"))) / _SETTINGS_OF_LAB), os.environ.get(_CONFIG_PATH, "")]
    os.environ[_CONFIG_PATH] = os.pathsep.join(filter(None, reversed(settings)))
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", *context.args])  # noqa: S606 - the same Python, without a shell


def _mapping_table(source: str, found: Sniffed | None) -> str:
    """Return the guessed table of the source for pyproject.toml, or a comment that shows how to write one."""
    if found and found.mapping:
        table = source_table(source, found.mapping, found.streams)
        return f"# Guessed from the first lines: check it. Each stream becomes an entity.\n{table}"
    example = {"event_id": "id", "stream": "customer.id", "type": "event", "occurred_at": "ts"}
    return (
        "# If the members of a line have other names, use this table in place of `source` above; see\n"
        "# `eventsource pull --help`:\n#\n" + indent(source_table(source, example), "# ")
    )


def _skeleton() -> Iterator[tuple[Path, Template]]:
    """Yield the files of a new project: path and text."""
    yield from _files_below(files("eventsource.cli") / "skeleton", Path())


def _files_below(folder: Traversable, path: Path) -> Iterator[tuple[Path, Template]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            yield from _files_below(item, path / item.name)
        else:
            yield path / _target(item.name), Template(item.read_text(encoding="utf-8"))


def _target(name: str) -> str:
    """Return the name of a file in the project.

    In the package, files that tools would act on have ``.txt`` at the end of their names.
    """
    plain = name.removesuffix(".txt")
    return f".{plain}" if plain == _HIDDEN else plain


def _write(path: Path, text: str) -> bool:
    """Write a file, unless it exists; return whether it was written."""
    if path.exists():
        return False
    with writing(path, "free some space, or name a folder that you may write; then do the same again"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as draft:
            draft.write_text(text, encoding="utf-8")
    return True


def _print_proposal(proposal: Proposal) -> None:
    if proposal.module:
        types = ", ".join(f"{name} ({count:,})" for name, count in proposal.types.head(_SHOWN).iter_rows())
        say(f"\nfound: {types}\nmodels.py is guessed from these events: check it")
    else:
        note(f"no line could be read as an event: {'; '.join(proposal.reasons) or 'the file has no lines'}")
        note("name the members of an event in pyproject.toml, under [tool.eventsource.source]")


def _print_mapping(found: Sniffed) -> None:
    """Say which members were taken for the envelope: another stream means other entities."""
    mapping = found.mapping
    named = [f"{name} = {mapping[name]}" for name in _ENVELOPE if isinstance(mapping.get(name), str)]
    if named:
        say(
            f"lines are read with {', '.join(named)}, a guess in pyproject.toml: check it before you pull\n"
            "(each stream becomes an entity)"
        )
    if found.streams:
        say(f"the stream could also be {', '.join(found.streams)}")


def _print_next_steps(folder: Path, source: str) -> None:
    if Project.find(folder).folder != folder.absolute():
        table = f'[tool.eventsource]\nsource = {source}\nmodel = "models:…"'
        say(f"\npyproject.toml existed already; add to it:\n{table}")
    steps = [] if folder.absolute() == Path.cwd() else [f"cd {folder}"]
    steps += [
        "eventsource pull",
        "eventsource check",
        "eventsource as-of",
        "eventsource report run board",
        "eventsource lab",
    ]
    say("\nnext:\n" + "\n".join(f"  {step}" for step in steps))
