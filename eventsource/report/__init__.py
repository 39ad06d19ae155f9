"""Reports: a notebook and its parameters become one self-contained page.

`run` checks the parameters, runs the notebook, turns its outputs into items and these into a page, and replaces
the page of an earlier run. In a notebook, `result` names a figure of the report.

Names are imported when they are first used: a notebook that calls `result` needs none of the libraries that run
it.
"""

from typing import TYPE_CHECKING, Final

from eventsource.lazy_names import lazy_names

if TYPE_CHECKING:
    from eventsource.report._about import About, Freshness, Link
    from eventsource.report._definition import Definition, definitions, read_definition
    from eventsource.report._diff import Change, Difference, Move, diff
    from eventsource.report._diff_page import LoadModel, diff_page
    from eventsource.report._display import result
    from eventsource.report._fit import check_definition, check_parameters
    from eventsource.report._ledger import Ledger
    from eventsource.report._limits import Limits
    from eventsource.report._new import new_definition
    from eventsource.report._page_file import manifest_of_page
    from eventsource.report._parameters import Parameter, resolved
    from eventsource.report._pdf import write_pdf
    from eventsource.report._results import named_results
    from eventsource.report._run import ChecksFailedError, Report, parameters, run
    from eventsource.report._schedule import Scheduler, SchedulerStatus, SystemClock
    from eventsource.report._units import crontab_lines, systemd_units
    from eventsource.report._verify import Verified, model_of_page, verify

__all__ = [
    "About",
    "Change",
    "ChecksFailedError",
    "Definition",
    "Difference",
    "Freshness",
    "Ledger",
    "Limits",
    "Link",
    "LoadModel",
    "Move",
    "Parameter",
    "Report",
    "Scheduler",
    "SchedulerStatus",
    "SystemClock",
    "Verified",
    "check_definition",
    "check_parameters",
    "crontab_lines",
    "definitions",
    "diff",
    "diff_page",
    "manifest_of_page",
    "model_of_page",
    "named_results",
    "new_definition",
    "parameters",
    "read_definition",
    "resolved",
    "result",
    "run",
    "systemd_units",
    "verify",
    "write_pdf",
]

_HOMES: Final = dict.fromkeys(__all__, "_run") | {
    "About": "_about",
    "Change": "_diff",
    "Definition": "_definition",
    "Difference": "_diff",
    "Freshness": "_about",
    "Ledger": "_ledger",
    "Limits": "_limits",
    "Link": "_about",
    "LoadModel": "_diff_page",
    "Move": "_diff",
    "Parameter": "_parameters",
    "Scheduler": "_schedule",
    "SchedulerStatus": "_schedule",
    "SystemClock": "_schedule",
    "Verified": "_verify",
    "check_definition": "_fit",
    "check_parameters": "_fit",
    "crontab_lines": "_units",
    "definitions": "_definition",
    "diff": "_diff",
    "diff_page": "_diff_page",
    "manifest_of_page": "_page_file",
    "model_of_page": "_verify",
    "named_results": "_results",
    "new_definition": "_new",
    "read_definition": "_definition",
    "resolved": "_parameters",
    "result": "_display",
    "systemd_units": "_units",
    "verify": "_verify",
    "write_pdf": "_pdf",
}
"""The module that defines each public name."""

if not TYPE_CHECKING:  # a type checker reads the imports above, and reports names that do not exist
    __getattr__, __dir__ = lazy_names(globals(), _HOMES)
