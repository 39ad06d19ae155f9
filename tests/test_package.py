"""The package itself: its public names, its version, and what an import of it loads."""

import subprocess
import sys

import pytest

import eventsource


def printed(code: str) -> set[str]:
    """Return the words that some code prints in a Python of its own."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def loaded(code: str) -> set[str]:
    """Return the libraries that are loaded after some code ran."""
    return {name.split(".")[0] for name in printed(f"{code}\nimport sys\nprint(*sys.modules)")}


def test_an_import_loads_no_other_library() -> None:
    """Names are imported when they are first used."""
    assert not loaded("import eventsource") & {"polars", "numpy", "deltalake", "click", "rich"}


@pytest.mark.parametrize(
    ("given", "kept"),
    [(None, "dirty_decay_ms:10000,oversize_threshold:0"), ("dirty_decay_ms:0", "dirty_decay_ms:0")],
)
def test_the_allocator_of_polars_keeps_freed_memory(given: str | None, kept: str) -> None:
    """Unless the user has set its variable."""
    before = f"os.environ[name] = {given!r}" if given else "os.environ.pop(name, None)"
    code = f"import os\nname = '_RJEM_MALLOC_CONF'\n{before}\nimport eventsource\nprint(os.environ[name])"
    assert printed(code) == {kept}


def test_questions_load_only_what_they_need() -> None:
    """The log, a model and its timeline need no library of SQL, charts or notebooks, no pandas and no pyarrow."""
    libraries = loaded("import eventsource as es\nes.Log, es.Model, es.Timeline, es.source")
    assert {"polars", "deltalake"} <= libraries
    assert not libraries & {
        "sqlalchemy",
        "altair",
        "pandas",
        "pyarrow",
        "IPython",
        "nbformat",
        "jinja2",
        "click",
        "rich",
        "tenacity",
    }


_OWN = """
import sys, dataclasses, eventsource.cli._questions, eventsource.demo.models
own = {name: module for name, module in sys.modules.items() if name.startswith("eventsource")}
"""


def test_questions_make_no_dataclasses() -> None:
    """To make one takes a millisecond; records that a question needs are structs. Users may copy an `Event`."""
    code = """
for name, module in own.items():
    for each in vars(module).values():
        if isinstance(each, type) and dataclasses.is_dataclass(each) and each.__module__ == name:
            print(f"{name}.{each.__name__}")
"""
    assert printed(_OWN + code) == {"eventsource.event._envelope.Event"}


def test_questions_do_not_load_what_changes_a_log() -> None:
    """Nor the questions that are not asked."""
    others = {
        "log._changes",
        "log._writer",
        "log._eraser",
        "timeline._trend",
        "timeline._join",
        "timeline._replay",
    }
    assert not printed(f"{_OWN}print(*own)") & {f"eventsource.{each}" for each in others}


def test_charts_load_altair_when_they_are_made() -> None:
    """The module of charts is cheap to import, as reports only need its list of MIME types."""
    assert "altair" not in loaded("import eventsource.charts")


def test_all_public_names_can_be_imported() -> None:
    """``from eventsource import *`` gives every name of ``__all__``, and ``dir`` lists them."""
    names: dict[str, object] = {}
    exec("from eventsource import *", names)  # noqa: S102 - what a user types
    assert names.keys() >= set(eventsource.__all__)
    assert set(dir(eventsource)) >= {*eventsource.__all__, "__version__", "charts", "errors"}


def test_public_modules_are_attributes() -> None:
    """A public module needs no import of its own; an unknown name is an AttributeError."""
    assert eventsource.errors.EventsourceError is eventsource.EventsourceError
    assert eventsource.plan.Plan is eventsource.Plan
    assert eventsource.charts.__name__ == "eventsource.charts"
    with pytest.raises(AttributeError, match="'nothing'"):
        eventsource.nothing  # type: ignore[attr-defined]  # noqa: B018 - the access is what is tested


def test_the_version_is_that_of_the_distribution() -> None:
    """``eventsource.__version__`` is a text such as 1.2.3."""
    assert eventsource.__version__.count(".") == 2
