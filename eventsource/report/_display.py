"""What notebooks call: it needs none of the libraries that run and render them."""

import json
from typing import Any, Final

from eventsource.errors import ReportError
from eventsource.mime_types import RESULTS
from eventsource.report._results import plain_value

__all__ = ["result"]

_ONE: Final = 'report.result("premium", 126), or report.result(premium=126, share=0.4)'


def result(name: str | None = None, value: Any = None, /, **results: Any) -> None:
    """Display a figure of the report under a name: `report verify` and `report diff` compare it, checks test it.

    Args:
        name: the name.
        value: a number, a text, a moment, true or false, or None; a frame of one cell counts as its value.
        results: several results by name.

    Raises:
        ReportError: no name, or a value of another kind.
    """
    given = {**({} if name is None else {name: value}), **results}
    if not given or not all(isinstance(key, str) and key for key in given):
        raise ReportError(f"expected a name and a value, got {name!r}", hint=_ONE)
    plain = {key: plain_value(key, each) for key, each in given.items()}
    text = "\n".join(f"{key} = {json.dumps(each, ensure_ascii=False)}" for key, each in plain.items())
    try:
        from IPython.display import display  # noqa: PLC0415 - only notebooks have it loaded
    except ImportError:
        print(text)  # noqa: T201 - outside a notebook it is what is displayed
        return
    display({RESULTS: {"results": plain}, "text/plain": text}, raw=True)  # type: ignore[no-untyped-call]
