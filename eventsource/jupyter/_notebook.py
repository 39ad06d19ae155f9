"""One call that sets how a notebook shows charts, frames and replays."""

import sys
from typing import Any, Final

import polars as pl

from eventsource import charts
from eventsource.jupyter._time_machine import TimeMachine
from eventsource.model import Model
from eventsource.presentation import show_frames, use
from eventsource.timeline import Replay, plan_html

__all__ = ["notebook"]

_ROWS: Final = 25
_COLUMNS: Final = 20
_LETTERS: Final = 120


def notebook(
    *, rows: int = _ROWS, columns: int = _COLUMNS, letters: int = _LETTERS, decimals: int | None = None
) -> None:
    """Set how this notebook shows charts, frames and replays; one call at its top.

    Charts are drawn by JupyterLab itself, without a network. Frames show values only: neither their shape nor
    their dtypes. Columns of fields with a label or a format are shown so, also on charts. A model shows its
    fields, and `Timeline.replay` a `TimeMachine`. Outside a notebook the call only sets how frames are printed.

    Args:
        rows: the number of rows that a frame shows.
        columns: the number of columns that a frame shows.
        letters: the number of letters that a text in a frame shows.
        decimals: the number of decimals of floats; None: as many as they have.
    """
    charts.use_in_notebooks()
    use()
    pl.Config(
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        tbl_rows=rows,
        tbl_cols=columns,
        fmt_str_lengths=letters,
        float_precision=decimals,
    )
    show_frames()
    shell = _shell()
    if shell is not None:
        shell.display_formatter.formatters["text/html"].for_type(type, _model_html)
        shell.display_formatter.mimebundle_formatter.for_type(Replay, _time_machine)


def _shell() -> Any:
    """Return the shell of the notebook, which has IPython loaded; None outside of one."""
    loaded = sys.modules.get("IPython.core.getipython")
    shell = loaded.get_ipython() if loaded else None
    return shell if shell is not None and hasattr(shell, "kernel") else None


def _model_html(shown: type) -> str | None:
    """Return the fields of a model as a table; None for any other class, which is shown as usual."""
    return plan_html(shown.plan) if issubclass(shown, Model) else None


def _time_machine(replay: Replay, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a replay as a widget, and as the table for pages and for notebooks without a kernel."""
    data, metadata = TimeMachine(replay)._repr_mimebundle_() or ({}, {})
    return {**data, "text/html": replay._repr_html_(), "text/plain": repr(replay)}, metadata
