"""Links between notebooks, as links between their pages."""

import re
from pathlib import Path
from typing import Final

import nbformat
from nbformat import NotebookNode

from eventsource.report._job import report_name

__all__ = ["with_links"]

_LINK: Final = re.compile(r"\]\((?!\w+:)[^()\s]*?([^()\s/]+\.ipynb)(#[^()\s]*)?\)")


def with_links(notebook: NotebookNode) -> NotebookNode:
    """Return a copy whose links to notebooks lead to the newest page of each.

    ``[late events](06_what_we_knew_then.ipynb)`` becomes a link to ``../06_what_we_knew_then/latest.html``.
    """
    copy: NotebookNode = nbformat.from_dict(notebook)  # type: ignore[no-untyped-call]
    for cell in copy.cells:
        if cell.cell_type == "markdown":
            cell.source = _LINK.sub(
                lambda link: f"](../{report_name(Path(link[1]))}/latest.html{link[2] or ''})", cell.source
            )
    return copy
