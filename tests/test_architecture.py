"""The architecture: imports point one way, packages keep their inside to themselves, files stay small."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import eventsource

ROOT = Path(eventsource.__file__).parent
LAYERS: dict[frozenset[str], str] = {
    frozenset({"__main__", "__init__"}): "The public names, and `python -m eventsource`.",
    frozenset({"cli"}): "The command line: one command a question, and the program around them.",
    frozenset({"check", "demo", "dump", "jupyter", "readmodel", "report", "testing"}): (
        "Products: SQL tables, pages, notebooks, checks of a log, one entity's events as lines, the test kit, "
        "demo data."
    ),
    frozenset({"board"}): "Figures and lives at each pair of two moments: what a page with sliders shows.",
    frozenset({"timeline"}): "A log and a model meet: the questions.",
    frozenset({"snapshots"}): "Cached states: what they hold, when to take one, which one to start from.",
    frozenset({"index"}): "An LSM tree of decoded events, clustered by entity and time.",
    frozenset({"fold"}): "The engines: the reference engine and the Polars engine.",
    frozenset({"decode"}): "Payload members as typed columns.",
    frozenset({"charts", "log", "model", "sentences", "sources"}): (
        "The log, an append-only table; readers of files and stores; the declarative way to write a plan; charts; "
        "sentences."
    ),
    frozenset({"store"}): "The write side: streams of events in an SQL table, or in Cassandra.",
    frozenset({"presentation"}): "How answers are shown: labels, formats, and what readers may see.",
    frozenset({"plan"}): "What a model means, as frozen data.",
    frozenset({"operations"}): "One table that says what every operation is and computes.",
    frozenset({"corrections"}): "Corrections: events that say how earlier events are read.",
    frozenset({"event"}): "The envelope: the one frame shape of events, and the contract of a source.",
    frozenset({"database_urls", "interpreters", "moment", "service"}): (
        "Dates, instants, zones and steps of the calendar; URLs of databases; services that repeat rounds; worker "
        "processes."
    ),
    frozenset(
        {
            "allocation",
            "atomic_write",
            "checksums",
            "derived_folders",
            "dotted_paths",
            "errors",
            "exact_numbers",
            "formats",
            "lazy_names",
            "messages",
            "mime_types",
            "progress",
            "retry",
            "shares",
            "stop_signal",
        }
    ): "Small helpers whose names say what they hold.",
    frozenset({"redaction", "texts"}): "Hiding passwords in the messages of all errors; texts that can be stored.",
}
"""Every module of the package, the highest layer first: a module imports only from layers below its own."""

DOORS = {
    "psutil": {"report"},
    "IPython": {"report"},
    "anywidget": {"jupyter"},
    "adbc_driver_postgresql": {"sources"},
    "altair": {"charts"},
    "cassandra": {"sources", "store"},
    "deltalake": {"log"},
    "fcntl": set(),  # the package can be imported on Windows
    "confluent_kafka": {"sources"},
    "filelock": {"derived_folders", "log"},
    "jinja2": {"report"},
    "kurrentdbclient": {"sources"},
    "nbclient": {"report"},
    "nbconvert": {"report"},
    "nbformat": {"report"},
    "nh3": {"report"},
    "numpy": {
        "allocation",
        "checksums",
        "decode",
        "demo",
        "fold",
        "index",
        "log",
        "moment",
        "operations",
        "snapshots",
        "sources",
    },
    "pandas": set(),
    "psycopg": {"readmodel", "sources", "store"},
    "pydantic": set(),  # models are recognised by their methods
    "pyarrow": {"check", "demo"},
    "rich": {"cli"},
    "sqlalchemy": {"database_urls", "readmodel", "sources", "store"},
    "tenacity": {"retry"},
    "click": {"cli"},
    "vl_convert": {"report"},
    "zstandard": {"sources"},
}
LONGER = {"timeline/__init__.py": 600, "log/__init__.py": 520}
"""Files of more than 300 lines. `Timeline` and `Log` are one class each, and more than a third of these files
describes their arguments and answers."""
MODULES = sorted(path for path in ROOT.rglob("*.py") if "skeleton" not in path.parts)


def _part(path: Path) -> str:
    inside = path.relative_to(ROOT).parts[0]
    return inside.removesuffix(".py")


@cache
def _nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def _imports() -> Iterator[tuple[str, str]]:
    """Yield the part of each module of the package, and each name that the module imports."""
    for path in MODULES:
        for node in _nodes(path):
            if isinstance(node, ast.Import):
                yield from ((_part(path), alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                of_package = node.module == "eventsource"
                names = [f"eventsource.{alias.name}" for alias in node.names] if of_package else []
                yield from ((_part(path), name) for name in names or [node.module])


def _depth(part: str) -> int:
    return next(number for number, parts in enumerate(LAYERS) if part in parts)


def test_imports_point_down() -> None:
    """A module imports only from layers below its own, or from its own package; neighbours import none."""
    own = [(part, name) for part, name in _imports() if name.startswith("eventsource.")]
    assert not [
        f"{part} imports {name}"
        for part, name in own
        if _is_part(other := name.split(".")[1]) and other != part and _depth(other) <= _depth(part)
    ]


def _is_part(name: str) -> bool:
    return (ROOT / name).is_dir() or (ROOT / f"{name}.py").exists()


def test_heavy_libraries_have_one_door() -> None:
    """A library with a door is imported behind it and nowhere else, not even inside a function."""
    libraries = [(part, name.split(".")[0]) for part, name in _imports()]
    assert not [
        f"{part} imports {library}"
        for part, library in libraries
        if library in DOORS and part not in DOORS[library]
    ]


def test_public_names_are_sorted_and_there() -> None:
    """`__all__` is sorted, short, and everything in it exists."""
    names = eventsource.__all__
    assert names == sorted(names)
    assert len(names) <= 25
    assert all(hasattr(eventsource, name) for name in names)


_NEEDED: Final = ("fastavro._read_py",)
"""Private modules of libraries without which something cannot be done: the reader of Avro that ends by itself."""


def test_private_modules_stay_inside_their_package() -> None:
    """No module imports a private module of another package: what others need, a package exports."""
    assert not [
        f"{part} imports {name}"
        for part, name in _imports()
        if not name.startswith((f"eventsource.{part}.", *_NEEDED))
        and any(word.startswith("_") for word in name.split(".")[1:])
    ]


def test_functions_stay_small() -> None:
    """No function has more than 60 lines of code."""
    functions = [
        (path, node)
        for path in MODULES
        for node in _nodes(path)
        if isinstance(node, ast.FunctionDef) and node.body
    ]
    assert not [f"{path.relative_to(ROOT)}: {node.name}" for path, node in functions if _lines_of_code(node) > 60]


def _lines_of_code(function: ast.FunctionDef) -> int:
    has_docstring = bool(ast.get_docstring(function)) and len(function.body) > 1
    first = function.body[1] if has_docstring else function.body[0]
    return (function.end_lineno or 0) - first.lineno + 1


def test_files_stay_small() -> None:
    """A file is one concept, in at most 300 lines."""
    lines = {path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert not {name: count for name, count in lines.items() if count > LONGER.get(name, 300)}
