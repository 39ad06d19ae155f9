"""A definition for a notebook that has none."""

import json
import os
from pathlib import Path

from nbformat import NotebookNode

from eventsource.errors import DefinitionError
from eventsource.report._execute import read
from eventsource.report._page import title_of
from eventsource.report._parameters import Parameter, declared

__all__ = ["name_for", "new_definition"]

_SCHEDULE = """
# When it runs: eventsource report schedule
# [schedule]
# cron = "0 6 1 * *"      # minute, hour, day of month, month, day of week
# tz = "UTC"
# catch_up = "latest"     # after a pause: the latest missed run; or none, or all
# retries = 2

# [checks]
# max_age = "2d"          # of the last event that was recorded
# expect = ["premium > 0"]
"""


def name_for(notebook: Path) -> str:
    """Return the name of the definition for a notebook: its own, in small letters, without a leading number."""
    stem = notebook.stem.lower().lstrip("0123456789_- ")
    name = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in stem).strip("_")
    return name[:60] or "report"


def new_definition(notebook: Path, folder: Path) -> Path:
    """Write ``reports/NAME.toml`` for a notebook, with its parameters and defaults; return the path.

    Raises:
        ReportError: the notebook cannot be read, or its parameters are not assignments of literals.
        DefinitionError: the file exists, or cannot be written.
    """
    raw = read(notebook)
    file = folder / f"{name_for(notebook)}.toml"
    text = "\n".join([_head(raw, notebook, folder), *map(_parameter, declared(raw))]) + _SCHEDULE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as draft:
            draft.write(text)
    except FileExistsError as error:
        raise DefinitionError(f"{file} exists already", hint="edit it, or remove it first") from error
    except OSError as error:
        raise DefinitionError(
            f"{file} cannot be written: {error.strerror or error}", hint="choose a folder"
        ) from error
    return file


def _head(raw: NotebookNode, notebook: Path, folder: Path) -> str:
    path = Path(os.path.relpath(notebook, folder)).as_posix()
    return f"title = {_text(title_of(raw, notebook.stem))}\nnotebook = {_text(path)}\n"


def _parameter(parameter: Parameter) -> str:
    kind = parameter.type
    if kind not in ("str", "int", "float", "bool", "date", "datetime"):
        return f"# {parameter.name}: the notebook's default; a definition cannot set a {kind}\n"
    lines = [f"[parameters.{parameter.name}]", f'type = "{kind}"']
    if parameter.default is not None:
        default = _text(parameter.default) if isinstance(parameter.default, str) else json.dumps(parameter.default)
        lines.append(f"default = {default}")
    if parameter.help:
        lines.append(f"label = {_text(parameter.help)}")
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    """Return a text as TOML has it: JSON's escapes are TOML's, but DEL, which JSON writes as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
