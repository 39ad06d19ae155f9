"""Notebooks with several sets of parameters, run one after the other in one kernel."""

import datetime as dt
import zoneinfo
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import nbformat
from nbformat import NotebookNode

from tests.notebooks import refresh

Parameters = dict[str, Any]

SETS: dict[str, list[Parameters]] = {
    "01": [{}, {"raw": "small.jsonl"}, {"raw": "late.jsonl.gz"}],
    "02": [{}, {"as_of": "2023-12-31"}, {"as_of": "2023-02-10", "known_at": "2024-12-31"}],
    "03": [
        {},
        {"customer": "customer-9", "as_of": "2024-05-31"},
        {"customer": "customer-102", "as_of": "2023-01-15"},
    ],
    "04": [{}, {"customer": "customer-9"}, {"customer": "customer-102"}],
    "05": [{}, {"until": "2023-06-30"}, {"until": "2024-02-29", "since": "2023-06-01"}],
    "06": [
        {},
        {"as_of": "2023-12-31", "customer": "customer-9"},
        {"as_of": "2024-11-30", "known_at": "2024-11-30"},
    ],
    "07": [{}, {"moment": "2013-01-02T06:00"}, {"moment": "2013-12-24T23:00", "aircraft": "N14228"}],
    "08": [
        {},
        {"as_of": "2023-12-31", "customer": "customer-9"},
        {"as_of": "2023-01-15", "known_at": "2023-02-01", "customer": "customer-102"},
    ],
    "09": [{}, {"database": "SQLite"}, {"database": "PostgreSQL", "writers": 4}],
    "10": [
        {},
        {"as_of": "2023-12-31", "customer": "customer-9"},
        {"as_of": "2023-02-10", "since": "2023-01-20", "customer": "customer-102"},
    ],
}
"""The sets of parameters that each notebook is run with; the first one is what it is committed with."""

_NAMES = {"datetime": dt, "zoneinfo": zoneinfo, "Decimal": Decimal}


class Run:
    """The cells of a notebook after a run with some parameters."""

    def __init__(self, parameters: Parameters, cells: Sequence[NotebookNode]) -> None:
        self.parameters, self.cells = parameters, cells

    def results(self) -> dict[str, Any]:
        """Return the named results: what the cell tagged ``results`` shows."""
        (cell,) = (cell for cell in self.cells if "results" in refresh.tags(cell))
        named: dict[str, Any] = eval(cell.outputs[0].data["text/plain"], dict(_NAMES))  # noqa: S307 - the repr of a dict of this project
        return named

    def prose(self) -> list[str]:
        """Return the Markdown that a page shows: of cells, and of outputs."""
        return [cell.source for cell in self._shown() if cell.cell_type == "markdown"] + self.computed()

    def computed(self) -> list[str]:
        """Return the Markdown of outputs, which follows the parameters."""
        outputs = [output.get("data", {}) for cell in self._shown() for output in cell.get("outputs", [])]
        return [data["text/markdown"] for data in outputs if "text/markdown" in data]

    def _shown(self) -> list[NotebookNode]:
        return [cell for cell in self.cells if "remove-cell" not in refresh.tags(cell)]

    def shown(self) -> str:
        """Return everything that a page may show, as one text."""
        outputs = [output for cell in self.cells for output in cell.get("outputs", [])]
        return "\n".join([*self.prose(), *(str(output.get("data", "")) for output in outputs)])


def run(prefix: str, sets: Sequence[Parameters]) -> list[Run]:
    """Run a notebook with each set of parameters, in one kernel."""
    (path,) = refresh.notebooks(prefix)
    notebooks = [refresh.parametrised(refresh.read(path), **parameters) for parameters in sets]
    cells = [cell for notebook in notebooks for cell in notebook.cells]
    for number, cell in enumerate(cells):
        cell.id = f"c{number}"
    whole = nbformat.v4.new_notebook(cells=cells, metadata=notebooks[0].metadata)
    done, length = refresh.execute(whole).cells, len(notebooks[0].cells)
    return [Run(each, done[n * length : (n + 1) * length]) for n, each in enumerate(sets)]
