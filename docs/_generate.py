"""The generated parts of the pages: what the code knows about itself is not written down a second time.

The text of a part is in the page itself, between two comments, so that a page can be read without a build::

    <!-- generated: commands -->
    …
    <!-- end -->

`python -m docs._generate` writes the parts again, and a test compares them. `PARTS` holds the functions that make
them. What only the site understands, such as a list of pages for its sidebar, is in a comment that begins with
`sphinx:`. `docs/_sphinx.py` hands it to Sphinx.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

import eventsource
from docs._commands import CommandHelp, Parameter, commands
from docs._markdown import as_markdown, cell_of
from eventsource import event, model
from eventsource.plan import Op
from eventsource.testing import cases
from tests.test_architecture import DOORS, LAYERS

PAGES = Path(__file__).parent
MARK = re.compile(
    r"^<!-- generated: ([a-z-]+)(?: ([^\n]+?))? -->\n(?:(?:(?!<!-- generated: ).)*?^<!-- end -->\n)?",
    re.MULTILINE | re.DOTALL,
)
_HEADING = re.compile(r"^(\S.*)\n([-=])\2{2,}$", re.MULTILINE)
_VERSION = re.compile(r"^_?[A-Z_]*VERSION: Final = (\d+)", re.MULTILINE)


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


def documented_modules() -> dict[str, str]:
    """Return the modules that a page of the API reference names by hand, with the names of these pages."""
    return {
        module: page.name
        for page in sorted((PAGES / "reference" / "api").glob("*.md"))
        for part, module in MARK.findall(page.read_text(encoding="utf-8"))
        if part == "module"
    }


def _module(name: str) -> str:
    """Return the overview of one module and, for the site, the entries of what no other public module defines."""
    own = [each for each in public_names(name) if home_of(name, each) == name]
    others = [each for each in public_names(name) if each not in own]
    rows = [row for each in own for row in _overview(each, getattr(importlib.import_module(name), each))]
    parts = ["\n".join(["| name | what it is |", "|---|---|", *rows])] if rows else []
    members = f":members: {', '.join(own)}" if own else ":no-members:"
    parts.append(_only_on_the_site(f"```{{eval-rst}}\n.. automodule:: {name}\n   {members}\n```"))
    parts += [f"Also exported here: {', '.join(_link(name, each) for each in others)}."] if others else []
    return "\n\n".join(parts)


def _overview(name: str, value: Any) -> list[str]:
    """Return the rows of a name in the overview of its module: itself, and the methods of a class."""
    rows = [f"| `{name}` | {_what_it_is(value)} |"]
    methods = vars(value).items() if inspect.isclass(value) else ()
    for method, found in methods:
        is_method = isinstance(found, property | classmethod | staticmethod) or inspect.isfunction(found)
        if is_method and not method.startswith("_") and inspect.getdoc(found):
            rows.append(f"| `{name}.{method}` | {_first_line(found)} |")
    return rows


def _only_on_the_site(text: str) -> str:
    """Return a comment whose text Sphinx gets, see `docs/_sphinx.py`."""
    return f"<!-- sphinx:\n{text}\n-->"


def _other_modules(_: str) -> str:
    """Return the overviews of all public modules that no page names by hand."""
    left = [name for name in public_modules() if name not in documented_modules()]
    return "\n\n".join(f"## {name}\n\n{_module(name)}" for name in left)


def _pages(what: str) -> str:
    """Return links to pages and, for the sidebar of the site, their list: ``folder | caption | page page …``."""
    folder, caption, names = (part.strip() for part in what.split("|"))
    pages = names.split()
    listed = [_page_link(PAGES / folder, page) for page in pages]
    options = [":hidden:", ":maxdepth: 2", *([f":caption: {caption}"] if caption else [])]
    site = _only_on_the_site("\n".join(["```{toctree}", *options, "", *pages, "```"]))
    return "\n\n".join([*([f"**{caption}**"] if caption else []), "\n".join(listed), site])


def _page_link(folder: Path, page: str) -> str:
    """Return a link to a page with its title, and the question that a recipe begins with."""
    title, *lines = (folder / f"{page}.md").read_text(encoding="utf-8").split("\n")
    question = next(line for line in lines if line)
    link = f"* [{title.removeprefix('# ')}]({page}.md)"
    return f"{link}: {question}" if question.startswith("*") and question.endswith("*") else link


def _setup(_: str) -> str:
    """Return the lines that every recipe begins with."""
    return (PAGES / "recipes" / "_setup.md").read_text(encoding="utf-8").strip()


def _exports(name: str) -> str:
    """Return a table of what a package exports: each name with the first line of its docstring."""
    rows = ["| name | what it is |", "|---|---|"]
    for each in public_names(name):
        value = getattr(importlib.import_module(name), each)
        rows.append(f"| {_link(name, each)} | {_what_it_is(value)} |")
    return "\n".join(rows)


def _what_it_is(value: Any) -> str:
    return _first_line(value) if inspect.isroutine(value) or inspect.isclass(value) else "a constant"


def _first_line(value: Any) -> str:
    return cell_of((inspect.getdoc(value) or "").split("\n")[0].replace("``", "`"))


def _link(module: str, name: str) -> str:
    """Return a link to the page that documents a name; its title is the entry, which the site links to."""
    home = home_of(module, name)
    return f'[`{name}`]({documented_modules().get(home, "internals.md")} "{home}.{name}")'


def _commands(_: str) -> str:
    """Return the reference of the command line: each command with its arguments and options."""
    panels: dict[str, list[CommandHelp]] = {}
    for command in commands().values():
        panels.setdefault(command.panel, []).append(command)
    return "\n\n".join(
        part for panel, found in panels.items() for part in (f"## {panel}", *(_command(each) for each in found))
    )


def _command(command: CommandHelp) -> str:
    rows = [f"| `{cell_of(_typed(each), code=True)}` | {_help(each)} |" for each in command.parameters]
    table = "\n".join(["| argument or option | meaning |", "|---|---|", *rows]) if rows else ""
    blocks = (command.usage, "\n".join(f"$ {line}" for line in command.examples))
    usage, examples = (f"```text\n{block}\n```" for block in blocks)
    return "\n\n".join([f"### eventsource {command.name}", command.help, usage, table, examples])


def _typed(parameter: Parameter) -> str:
    return f"{', '.join(parameter.names)} {'' if parameter.is_argument else parameter.metavar}".strip()


def _help(parameter: Parameter) -> str:
    default = "" if parameter.default is None else f" Default: `{parameter.default}`."
    return cell_of(parameter.help + default)


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
        rows.append(f"| `{case.name}` | {cell_of(case.about)} | {len(case.events)} | {asked} |")
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
    return as_markdown(text.strip())


def _operations(_: str) -> str:
    """Return the operations, with the function of `eventsource.model` that declares each."""
    rows = [f"| `{name}` | {_first_line(getattr(model, name))} |" for name in get_args(Op)]
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
    "pages": _pages,
    "setup": _setup,
    "versions": _versions,
}


def filled(text: str) -> str:
    """Return the text of a page with its generated parts as they are now."""
    return MARK.sub(_filled_part, text)


def _filled_part(mark: re.Match[str]) -> str:
    first = mark[0].partition("\n")[0]
    return f"{first}\n\n{PARTS[mark[1]](mark[2] or '')}\n\n<!-- end -->\n"


def main() -> None:
    """Write the generated parts into the pages."""
    for page in sorted(PAGES.rglob("*.md")):
        before = page.read_text(encoding="utf-8")
        after = filled(before)
        if before != after:
            page.write_text(after, encoding="utf-8")
            print(f"rewrote {page}")  # noqa: T201 - a command


if __name__ == "__main__":
    main()
