"""Frames in notebooks: each is shown as the readers may see it, with labels and formats."""

import re
import sys
from typing import Any, Final

import polars as pl

from eventsource.presentation import shown

__all__ = ["show_frames"]

_QUOTED: Final = re.compile(r"<td>&quot;([^<]*)&quot;</td>")  # Polars quotes texts
_POLARS: Final = (("polars.dataframe.frame", "DataFrame"), ("polars.series.series", "Series"))
_PANDAS: Final = (
    ("pandas", "DataFrame"),
    ("pandas", "Series"),
    ("pandas.core.frame", "DataFrame"),  # before pandas 3
    ("pandas.core.series", "Series"),
)


def show_frames() -> None:
    """Make the notebook of this process show frames by `shown`; outside of one, do nothing."""
    loaded = sys.modules.get("IPython.core.getipython")
    shell = loaded.get_ipython() if loaded else None
    if shell is None:
        return
    formatters = shell.display_formatter.formatters
    for module, name in (*_POLARS, *_PANDAS):
        formatters["text/html"].for_type_by_name(module, name, _html)
        formatters["text/plain"].for_type_by_name(module, name, _plain)


def _html(found: Any) -> str | None:
    seen = _seen(found)
    make = getattr(seen, "_repr_html_", None)
    html: str | None = make() if make is not None else None
    return html if html is None or seen is found else _QUOTED.sub(r"<td>\1</td>", html)


def _plain(found: Any, printer: Any, cycle: bool) -> None:  # noqa: FBT001 - IPython calls it so
    del cycle  # frames do not contain themselves
    printer.text(repr(_seen(found)))


def _seen(found: Any) -> Any:
    """Return a frame or a series as readers may see it; the very same object where nothing changes."""
    if isinstance(found, pl.Series):
        frame = found.to_frame(found.name or " ")
        seen = shown(frame)
        return found if seen.equals(frame) and seen.columns == frame.columns else seen.to_series()
    if isinstance(found, pl.DataFrame):
        seen = shown(found)
        return found if seen is found or (seen.columns == found.columns and seen.equals(found)) else seen
    return _seen_pandas(found)


def _seen_pandas(found: Any) -> Any:
    """Return a pandas frame or series likewise; an index that has a name is shown as a column."""
    frame = found.to_frame() if found.ndim == 1 else found
    names = [name for name in frame.index.names if name is not None]
    whole = frame.reset_index() if names else frame
    columns = [str(name) for name in whole.columns]
    if len(set(columns)) < len(columns):
        return found
    before = pl.DataFrame({name: whole.iloc[:, n].tolist() for n, name in enumerate(columns)}, strict=False)
    seen = shown(before)
    if seen.columns == before.columns and seen.equals(before):
        return found
    return type(whole)({name: seen[name].to_list() for name in seen.columns})
