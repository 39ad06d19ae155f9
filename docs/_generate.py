"""The generated parts of the pages: what the code knows about itself is not written down a second time.

A page says where a generated part goes with a comment on a line of its own::

    <!-- generated: commands -->

`PARTS` holds the functions that make them. The tests use the same functions, and check that nothing is left out.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

import eventsource
from eventsource import event, model
from eventsource.cli import CommandHelp, Parameter, commands
from eventsource.plan import Op
from eventsource.testing import cases
from tests.test_architecture import DOORS, LAYERS

PAGES = Path(__file__).parent
MARK = re.compile(r"^<!-- generated: ([a-z-]+)(?: (.+?))? -->$", re.MULTILINE)
_HEADING = re.compile(r"^(\S.*)\n([-=])\2{2,}$", re.MULTILINE)
_VERSION = re.compile(r"^_?[A-Z_]*VERSION: Final = (\d+)", re.MULTILINE)
_FENCE = re.compile(r"^(\s*)```(\w*)\s*$")


def public_modules() -> list[str]:
    """Return the modules that other code may import: no part of their path begins with an underscore."""
    found = pkgutil.walk_packages(eventsource.__path__, "eventsource.")
    return sorted(each.name for each in found if "._" not in each.name and "skeleton" not in each.name)


def public_names(module: str) -> list[str]:
    """Return the names that a module exports."""
    return list(importlib.import_module(module).__all__)


def home_of(module: str, name: str) -> str:
    """Return the public module that documents a name: the one that defines it, or the lowest that exports it."""
    value = getattr(importlib.import_module(module), name)
    where = getattr(value, "__module__", module)
    if not isinstance(where, str) or not where.startswith("eventsource."):
        return module
    while "._" in where:
        where = where.rpartition(".")[0]
    return where if where in public_modules() and name in public_names(where) else module


def documented_modules() -> set[str]:
    """Return the modules that a page of the reference names by hand."""
    pages = (page.read_text(encoding="utf-8") for page in (PAGES / "reference").rglob("*.md"))
    return {module for page in pages for part, module in MARK.findall(page) if part == "module"}


def _module(name: str) -> str:
    """Return the entries of one module: those of its names that no other public module defines."""
    own = [each for each in public_names(name) if home_of(name, each) == name]
    others = [each for each in public_names(name) if each not in own]
    listed = ", ".join(own)
    lines = [f"```{{eval-rst}}\n.. automodule:: {name}\n   :members: {listed}\n```" if own else ""]
    if not own:
        lines = [f"```{{eval-rst}}\n.. automodule:: {name}\n   :no-members:\n```"]
    lines += [f"Also exported here: {', '.join(_link(name, each) for each in others)}."] if others else []
    return "\n\n".join(lines)


def _other_modules(_: str) -> str:
    """Return the entries of all public modules that no page names by hand."""
    left = [name for name in public_modules() if name not in documented_modules()]
    return "\n\n".join(f"## {name}\n\n{_module(name)}" for name in left)


def _exports(name: str) -> str:
    """Return a table of what a package exports: each name with the first line of its docstring."""
    rows = ["| name | what it is |", "|---|---|"]
    for each in public_names(name):
        value = getattr(importlib.import_module(name), each)
        rows.append(f"| {_link(name, each)} | {_first_line(value) if callable(value) else 'a constant'} |")
    return "\n".join(rows)


def _first_line(value: Any) -> str:
    return _cell((inspect.getdoc(value) or "").split("\n")[0].replace("``", "`"))


def _cell(text: str, *, code: bool = False) -> str:
    """Return a text that may be a cell of a table."""
    escaped = text.replace("|", "\\|")
    return escaped if code else escaped.replace("<", "&lt;")


def _link(module: str, name: str) -> str:
    return f"{{py:obj}}`{name} <{home_of(module, name)}.{name}>`"


def _commands(_: str) -> str:
    """Return the reference of the command line: each command with its arguments and options."""
    panels: dict[str, list[CommandHelp]] = {}
    for command in commands().values():
        panels.setdefault(command.panel, []).append(command)
    return "\n\n".join(
        part for panel, found in panels.items() for part in (f"## {panel}", *(_command(each) for each in found))
    )


def _command(command: CommandHelp) -> str:
    rows = [f"| `{_cell(_typed(each), code=True)}` | {_help(each)} |" for each in command.parameters]
    table = "\n".join(["| argument or option | meaning |", "|---|---|", *rows]) if rows else ""
    blocks = (command.usage, "\n".join(f"$ {line}" for line in command.examples))
    usage, examples = (f"```text\n{block}\n```" for block in blocks)
    return "\n\n".join([f"### eventsource {command.name}", command.help, usage, table, examples])


def _typed(parameter: Parameter) -> str:
    return f"{', '.join(parameter.names)} {'' if parameter.is_argument else parameter.metavar}".strip()


def _help(parameter: Parameter) -> str:
    default = "" if parameter.default is None else f" Default: `{parameter.default}`."
    return _cell(parameter.help + default)


def _layers(_: str) -> str:
    """Return the layers of the package, the highest first."""
    rows = ["| layer | what it holds | libraries behind it |", "|---|---|---|"]
    for modules, text in LAYERS.items():
        names = sorted(modules)
        libraries = sorted(library for library, doors in DOORS.items() if doors & set(names))
        rows.append(f"| {', '.join(f'`{name}`' for name in names)} | {text} | {', '.join(libraries)} |")
    return "\n".join(rows)


def _columns(name: str) -> str:
    """Return the columns of a schema of `eventsource.event`."""
    rows = [f"| `{column}` | {dtype} |" for column, dtype in getattr(event, name).items()]
    return "\n".join(["| column | dtype |", "|---|---|", *rows])


def _cases(_: str) -> str:
    """Return the worked examples: what each is about, and what it asks."""
    rows = []
    for case in cases():
        asked = ", ".join(sorted({str(question["ask"]) for question in case.questions}))
        rows.append(f"| `{case.name}` | {_cell(case.about)} | {len(case.events)} | {asked} |")
    return "\n".join(["| case | about | events | questions |", "|---|---|--:|---|", *rows])


def _docstring(what: str) -> str:
    """Return the docstring of a module, or the part of it below a heading: ``module | heading``."""
    module, _, heading = what.partition(" | ")
    text = inspect.getdoc(importlib.import_module(module)) or ""
    parts = _HEADING.split(text)
    if heading:
        number = parts.index(heading)
        text = parts[number + 2]
    else:
        text = parts[0]
    lines = text.strip().split("\n")
    rewrite_docstring(None, "module", module, None, None, lines)
    return "\n".join(["```{eval-rst}", *lines, "```"])


def _operations(_: str) -> str:
    """Return the operations, with the function of `eventsource.model` that declares each."""
    rows = [
        f"| {_link('eventsource.model', name)} | {_first_line(getattr(model, name))} |" for name in get_args(Op)
    ]
    return "\n".join(["| operation | what it gives |", "|---|---|", *rows])


def version_of(package: str) -> int:
    """Return the version of the files that a package writes."""
    folder = Path(eventsource.__file__).parent / package
    found = {
        number for file in folder.glob("*.py") for number in _VERSION.findall(file.read_text(encoding="utf-8"))
    }
    (version,) = found
    return int(version)


def _versions(_: str) -> str:
    """Return the versions of the files that have one."""
    rows = [f"| `{package}/` | {version_of(package)} |" for package in ("index", "snapshots")]
    return "\n".join(["| files | version |", "|---|--:|", *rows])


PARTS: Mapping[str, Callable[[str], str]] = {
    "cases": _cases,
    "columns": _columns,
    "commands": _commands,
    "docstring": _docstring,
    "exports": _exports,
    "layers": _layers,
    "module": _module,
    "operations": _operations,
    "other-modules": _other_modules,
    "versions": _versions,
}


def filled(text: str) -> str:
    """Return the text of a page with its generated parts."""
    return MARK.sub(lambda mark: PARTS[mark[1]](mark[2] or ""), text)


def fill_page(_app: Any, _page: str, content: list[str]) -> None:
    """Put the generated parts into a page (an event handler of Sphinx)."""
    content[0] = filled(content[0])


def rewrite_docstring(_app: Any, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """Turn the fenced code of a docstring into what reStructuredText understands (an event handler of Sphinx)."""
    found: list[str] = []
    inside: str | None = None
    for line in lines:
        fence = _FENCE.match(line)
        if fence and inside is None:
            inside = fence[1]
            found += ["", f"{inside}.. code-block:: {fence[2] or 'text'}", ""]
        elif fence:
            inside = None
            found.append("")
        else:
            found.append(line if inside is None else f"   {line}")
    lines[:] = found


def resolve_short_name(app: Any, env: Any, node: Any, contents: Any) -> Any:
    """Link a short name of a docstring, such as `Log.pull`, to its entry (an event handler of Sphinx)."""
    if node.get("refdomain") != "py":
        return None
    target, domain = node["reftarget"], env.domains.python_domain
    short = target.removeprefix("eventsource.")
    ends = [name for name in domain.objects if name.endswith(f".{short}")]
    if len(ends) != 1:
        return None
    entry = domain.objects[ends[0]]
    return (
        domain.resolve_xref(env, node["refdoc"], app.builder, node.get("reftype", "obj"), ends[0], node, contents)
        if entry
        else None
    )
