"""The files of this package that make pages: templates, styles and scripts."""

from functools import cache
from importlib.resources import files

import jinja2

__all__ = ["asset", "template"]


@cache
def asset(name: str) -> str:
    """Return the text of a file of this package."""
    return files("eventsource.report").joinpath(name).read_text(encoding="utf-8")


@cache
def template(name: str) -> jinja2.Template:
    """Return a template, which escapes every value and refuses names without one."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(asset), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    return environment.get_template(name)
