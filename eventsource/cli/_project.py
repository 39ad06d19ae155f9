"""The project: a skeleton for one's own log, made-up data to learn with, the notebooks."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import Progress

from eventsource.cli._config import Project, absolute
from eventsource.cli._failures import UsageError, note
from eventsource.cli._output import say
from eventsource.cli._proposal import Proposal, propose
from eventsource.errors import SourceError

__all__ = ["demo", "init", "lab"]

_HIDDEN: Final = "gitignore"
_SHOWN: Final = 8
_DEMO: Final = "data/raw/demo.jsonl.gz"


def init(
    folder: Annotated[Path, typer.Argument(help="Default: here.")] = Path(),
    *,
    log_file: Annotated[
        str | None,
        typer.Option("--log-file", metavar="FILE", help="A raw log to look at: models.py is guessed from it."),
    ] = None,
) -> None:
    """Write a project for your own log; nothing that exists is overwritten."""
    proposal = _looked_at(log_file) if log_file else None
    source = absolute(log_file, Path.cwd()) if log_file else "data/raw"
    guessed = proposal.module if proposal else ""
    values = {
        "source": json.dumps(source, ensure_ascii=False),
        "model": proposal.name if proposal and guessed else "Customer",
        "project": folder.absolute().name,
    }
    for path, template in _skeleton():
        text = guessed if guessed and path == Path("models.py") else template.safe_substitute(values)
        say(f"{'wrote' if _write(folder / path, text) else 'kept '}  {folder / path}")
    if proposal:
        _say_found(proposal)
    _say_next(folder, values["source"])


def demo(
    path: Annotated[
        Path | None,
        typer.Argument(
            help=f"A .jsonl.gz or .jsonl file, or a folder; replaced. Default: {_DEMO}.", show_default=False
        ),
    ] = None,
    *,
    customers: Annotated[
        float, typer.Option("--customers", help="How many sign up; 1e6 makes 23 million events.")
    ] = 400,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another business.")] = 7,
    since: Annotated[str, typer.Option("--since", metavar="DATE", help="The first day.")] = "2023-01-01",
    until: Annotated[str, typer.Option("--until", metavar="DATE", help="The last day.")] = "2024-12-31",
) -> None:
    """Write the raw log of a made-up subscription business."""
    from eventsource.demo import write  # noqa: PLC0415 - slow to import, and no other command needs it

    target = path or Path(Project.find().located(_DEMO))
    try:
        with _bar("the business") as progress:
            made = write(target, customers=int(customers), seed=seed, since=since, until=until, progress=progress)
    except SourceError as error:
        raise UsageError.of(error) from error
    lines = f"{made.lines:,} lines of {made.customers:,} customers ({made.bytes / 1e6:,.1f} MB)"
    faults = f"{made.duplicates:,} duplicates, {made.conflicts:,} conflicts, {made.broken:,} broken lines"
    say(f"{target}: {lines} in {made.seconds:.1f} s")
    say(f"with {faults}, {made.late:,} late events\nnext: eventsource pull {target}")


def lab(context: typer.Context) -> None:
    """Open the project in JupyterLab; further options are passed on, such as --no-browser."""
    os.chdir(Project.find().folder)
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", *context.args])  # noqa: S606 - this very Python, no shell


def _looked_at(log_file: str) -> Proposal:
    (source,) = Project(Path.cwd()).sources([log_file])
    return propose(source)


def _skeleton() -> Iterator[tuple[Path, Template]]:
    """Yield the files of the skeleton: where they go, and their texts."""
    yield from _below(files("eventsource.cli") / "skeleton", Path())


def _below(folder: Traversable, path: Path) -> Iterator[tuple[Path, Template]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            yield from _below(item, path / item.name)
        else:
            yield path / _target(item.name), Template(item.read_text(encoding="utf-8"))


def _target(name: str) -> str:
    """Return the name of a file of the skeleton: with ``.txt`` it means nothing where it lies in the package."""
    plain = name.removesuffix(".txt")
    return f".{plain}" if plain == _HIDDEN else plain


def _write(path: Path, text: str) -> bool:
    """Write a file where there is none; return whether there was none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True


def _say_found(proposal: Proposal) -> None:
    if proposal.module:
        types = ", ".join(f"{name} ({count:,})" for name, count in proposal.types.head(_SHOWN).iter_rows())
        say(f"\nfound: {types}\nmodels.py is a guess from them: correct it")
    else:
        note(f"no line could be taken: {'; '.join(proposal.reasons) or 'there is none'}")
        note("say which member is which, as the comments in pyproject.toml show")


def _say_next(folder: Path, source: str) -> None:
    if Project.find(folder).folder != folder.absolute():
        table = f'[tool.eventsource]\nsource = {source}\nmodel = "models:…"'
        say(f"\npyproject.toml was there already; add to it:\n{table}")
    steps = [] if folder.absolute() == Path.cwd() else [f"cd {folder}"]
    steps += ["eventsource pull", "eventsource check", "eventsource as-of", "eventsource lab"]
    say("\nnext:\n" + "\n".join(f"  {step}" for step in steps))


@contextmanager
def _bar(what: str) -> Iterator[Callable[[float], None] | None]:
    """Show a progress bar where stderr is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda share: bar.update(task, completed=share)
