"""Notebooks made for a test."""

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest


@pytest.fixture
def notebook(tmp_path: Path) -> Callable[..., Path]:
    """Write a notebook: a parameters cell, then cells; texts that begin with ``#`` are Markdown."""

    def write(*cells: str, parameters: str = "", name: str = "report.ipynb") -> Path:
        made = [nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})] if parameters else []
        for number, source in enumerate(cells):
            new = nbformat.v4.new_markdown_cell if source.startswith("#") else nbformat.v4.new_code_cell
            made.append(new(source, id=f"cell-{number}"))
        path = tmp_path / name
        nbformat.write(nbformat.v4.new_notebook(cells=made), path)
        return path

    return write
