"""Reports: a notebook and its parameters become one self-contained page.

`run` checks the parameters, runs the notebook, turns its outputs into items and these into a page, and replaces
the page of an earlier run. In a notebook, `result` names a figure of the report.

Names are imported when they are first used: a notebook that calls `result` needs none of the libraries that run
it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from eventsource.report._about import About, Freshness, Link
    from eventsource.report._definition import Definition, definitions, read_definition
    from eventsource.report._display import result
    from eventsource.report._fit import check_definition, check_parameters
    from eventsource.report._ledger import Ledger
    from eventsource.report._limits import Limits
    from eventsource.report._new import new_definition
    from eventsource.report._parameters import Parameter, resolved
    from eventsource.report._results import named_results
    from eventsource.report._run import ChecksFailedError, Report, parameters, run

__all__ = [
    "About",
    "ChecksFailedError",
    "Definition",
    "Freshness",
    "Ledger",
    "Limits",
    "Link",
    "Parameter",
    "Report",
    "check_definition",
    "check_parameters",
    "definitions",
    "named_results",
    "new_definition",
    "parameters",
    "read_definition",
    "resolved",
    "result",
    "run",
]

_HOMES: Final = {
    "About": "_about",
    "Definition": "_definition",
    "Freshness": "_about",
    "Ledger": "_ledger",
    "Limits": "_limits",
    "Link": "_about",
    "Parameter": "_parameters",
    "check_definition": "_fit",
    "check_parameters": "_fit",
    "definitions": "_definition",
    "named_results": "_results",
    "new_definition": "_new",
    "read_definition": "_definition",
    "resolved": "_parameters",
    "result": "_display",
}
"""The module that defines a public name; names that are not listed are from ``_run``."""

if not TYPE_CHECKING:  # a type checker reads the imports above, and reports names that do not exist

    def __getattr__(name: str) -> Any:
        """Import a public name when it is first used."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_HOMES.get(name, '_run')}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
