"""Outputs as the readers of a report may see them, before a page is made of them.

The notebook has masked frames, charts, sentences and boards itself, by the names of columns. The rest
is done here: cells tagged ``pii`` are left out, so are charts by a masked field; pseudonyms come into charts that
were made with Altair, and named results get what is shown in place of their values.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import nbformat
from nbformat import NotebookNode

from eventsource.charts import VEGA_MIMETYPES
from eventsource.mime_types import RESULTS
from eventsource.presentation import MASK, Readers, small
from eventsource.report._checks import ChecksFailedError
from eventsource.report._execute import Failure, numbers_of
from eventsource.report._leaks import leaks, without
from eventsource.report._personal import Personal
from eventsource.report._settings import Audience

__all__ = ["check_page", "private_copy", "redacted", "without_outputs"]

_TAG: Final = "pii"
"""The tag of cells that are left out for an audience."""
_SHOWN: Final = 3


def redacted(notebook: NotebookNode, hides: Readers) -> NotebookNode:
    """Return a copy with the outputs that the readers may see."""
    copy: NotebookNode = nbformat.from_dict(notebook)  # type: ignore[no-untyped-call]
    copy.metadata.pop("widgets", None)  # the state of widgets has payloads
    for cell in copy.cells:
        if cell.cell_type == "code" and _TAG in cell.metadata.get("tags", []):
            cell.outputs = [_left_out(hides, "it has personal data")] if cell.get("outputs") else []
        elif _TAG in cell.metadata.get("tags", []):
            cell.source = ""
        elif cell.cell_type == "code":
            cell.outputs = [_output(output, hides) for output in cell.get("outputs", [])]
    return copy


def _output(output: NotebookNode, hides: Readers) -> NotebookNode:
    """Return an output as the readers may see it."""
    data = output.get("data", {})
    for kind in VEGA_MIMETYPES:
        if kind in data:
            rows = list(_rows(data[kind]))
            masked = sorted({name for row in rows for name in row if hides.kind(name) == "mask"})
            if masked:
                return _left_out(hides, f"a chart of {', '.join(masked)}")
            for row in rows:
                row.update({name: hides.value(name, row[name]) for name in hides.hidden(row)})
    if RESULTS in data:
        results = data[RESULTS].get("results", {})
        shown = {name: _result(name, value, hides) for name, value in results.items()}
        if shown != results:
            data[RESULTS]["results"] = shown
            data["text/plain"] = "\n".join(f"{name} = {json.dumps(value)}" for name, value in shown.items())
    return output


def _rows(spec: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows of the data of a chart, wherever they are in its specification."""
    stack: list[Any] = [spec]
    while stack:
        found = stack.pop()
        if isinstance(found, dict):
            values = found.get("values")
            if isinstance(values, list):
                yield from (row for row in values if isinstance(row, dict))
            for name, inside in found.items():
                if name == "datasets" and isinstance(inside, dict):
                    yield from (row for rows in inside.values() for row in rows if isinstance(row, dict))
                elif name != "values":
                    stack.append(inside)
        elif isinstance(found, list):
            stack += found


def _result(name: str, value: Any, hides: Readers) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if name in hides.counts and is_number and 0 < value < hides.smallest_group:
        return small(hides.smallest_group)
    return hides.value(name, value)


def _left_out(hides: Readers, what: str) -> NotebookNode:
    text = f"*Left out for {hides.name}: {what}.*"
    made: NotebookNode = nbformat.v4.new_output("display_data", {"text/markdown": text})  # type: ignore[no-untyped-call]
    return made


def check_page(html: str, notebook: NotebookNode, personal: Personal, audience: Audience) -> None:
    """Check that no personal value is on a page.

    Raises:
        ChecksFailedError: one is. The message says of which columns, and from which cells, but not which values.
    """
    found = leaks(html, personal.values, audience.harmless)
    if not found:
        return
    cells = [
        number
        for number, cell in zip(numbers_of(notebook), notebook.cells, strict=True)
        if leaks(json.dumps([cell.source if cell.cell_type == "markdown" else cell.get("outputs", [])]), found)
    ]
    where = f" (cells {', '.join(map(str, cells))})" if cells else ""
    what = "; ".join(f"{column}: {_hinted(values)}" for column, values in found.items())
    checks = tuple(f"no {column} on a page for {audience.name}" for column in found)
    raise ChecksFailedError(
        f"the page would show {audience.name} personal values{where}: {what}",
        Failure("checks", checks=checks),
        hint="tag the cell `pii`, leave the values out of its text, or name words that only look like them in "
        "`harmless` of [audience]",
    )


def _hinted(values: list[str]) -> str:
    """Return how many values there are, with a hint that only those who know them understand."""
    hints = ", ".join(f"{value[0]}…{value[-1]} ({len(value)} letters)" for value in values[:_SHOWN])
    return f"{len(values)}, such as {hints}"


def private_copy(notebook: NotebookNode, personal: Personal) -> NotebookNode:
    """Return an executed notebook without personal values, for the folder of pages."""
    text = without(nbformat.writes(notebook), personal.values, MASK)  # type: ignore[no-untyped-call]
    found: NotebookNode = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
    return without_outputs(found) if leaks(text, personal.values) else found


def without_outputs(notebook: NotebookNode) -> NotebookNode:
    """Return a copy without what cells gave, but with the names of errors."""
    copy: NotebookNode = nbformat.from_dict(notebook)  # type: ignore[no-untyped-call]
    copy.metadata.pop("widgets", None)
    for cell in copy.cells:
        if cell.cell_type == "code":
            cell.outputs = [
                nbformat.v4.new_output("error", ename=output.ename, evalue=MASK, traceback=[])  # type: ignore[no-untyped-call]
                for output in cell.get("outputs", [])
                if output.output_type == "error"
            ]
        if {"parameters", "injected-parameters"} & set(cell.metadata.get("tags", [])):
            cell.source = ""
    return copy
