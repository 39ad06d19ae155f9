"""Notebooks and projects made for a test."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import nbformat
import pytest

import eventsource as es

EXPORTED = Callable[..., Path]


@pytest.fixture
def notebook(tmp_path: Path) -> Callable[..., Path]:
    """Write a notebook: a parameters cell, then cells; texts that begin with ``#`` are Markdown."""
    return lambda *cells, **named: write_notebook(tmp_path, *cells, **named)


def write_notebook(
    folder: Path,
    *cells: str,
    parameters: str = "",
    name: str = "report.ipynb",
    tests: str = "",
    tags: Mapping[int, list[str]] = MappingProxyType({}),
) -> Path:
    """Write a notebook; ``tests`` is the source of a cell tagged ``results``; ``tags`` are of other cells."""
    made = [nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})] if parameters else []
    for number, source in enumerate(cells):
        new = nbformat.v4.new_markdown_cell if source.startswith("#") else nbformat.v4.new_code_cell
        made.append(new(source, id=f"cell-{number}", metadata={"tags": list(tags.get(number, []))}))
    if tests:
        made.append(nbformat.v4.new_code_cell(tests, metadata={"tags": ["results", "remove-cell"]}, id="tests"))
    path = folder / name
    nbformat.write(nbformat.v4.new_notebook(cells=made), path)
    return path


def bought(number: int, customer: str, at: datetime, kind: str = "Bought") -> dict[str, object]:
    """Return an event of a customer, recorded a day after it happened."""
    return {
        "event_id": f"e{number}",
        "stream": customer,
        "type": kind,
        "occurred_at": at,
        "recorded_at": at.replace(day=at.day + 1),
        "data": {"city": "Kraków", "email": f"{customer}@example.org"},
    }


COUNT = """
import eventsource as es
from eventsource import report
class Customer(es.Model, ignored="*"):
    premium = es.flag(on="Bought", off="Cancelled")
log = es.Log("log")
states = es.Timeline(log, Customer).as_of(as_of)
report.result(premium=int(states["premium"].sum()), events=log.head)
"""
DEFINITION = """
title = "Premium on {as_of:day}"
description = "Who had the plan."
notebook = "../report.ipynb"
log = "../log"
headline = "premium"

[parameters.as_of]
type = "date"
default = "last month end"
label = "day"

[checks]
expect = ["premium > 0"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with a log of two customers, a notebook that counts them, and its definition."""
    return write_project(tmp_path)


def write_project(folder: Path) -> Path:
    """Write a log of two customers, a notebook that counts them, and its definition; return the folder."""
    es.Log(folder / "log").append([bought(n, f"c{n}", datetime(2024, 6, 10 + n, tzinfo=UTC)) for n in range(2)])
    write_notebook(
        folder,
        "# Premium",
        COUNT,
        "f'{premium_text} of {log.head}'",
        parameters='as_of: str = "2024-06-30"\npremium_text: str = "plans"',
        tests="raise RuntimeError('cells that serve tests do not run')",
    )
    (folder / "reports").mkdir()
    (folder / "reports" / "premium.toml").write_text(DEFINITION)
    return folder
