"""Sphinx settings: `make docs` builds these pages into build/docs; the pages and their search need no network."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT)]

from docs import _sphinx  # noqa: E402 - the path is set just above

project = "eventsource"
author = "the eventsource authors"
version = release = installed_version("eventsource-workbench")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["gym/**", "recipes/_setup.md"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
default_role = "py:obj"  # a name in single backticks in a docstring is a link where it can be one

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_default_options = {"show-inheritance": True}
python_maximum_signature_line_length = 90
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Attributes", "params_style")]

html_theme = "furo"
html_title = "eventsource"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False


def setup(app: Sphinx) -> None:
    """Connect what prepares pages and docstrings."""
    app.connect("source-read", _sphinx.fill_page)
    app.connect("autodoc-process-docstring", _sphinx.rewrite_docstring)
    app.connect("missing-reference", _sphinx.resolve_short_name)
