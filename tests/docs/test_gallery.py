"""The gallery shows every chart, and each of its examples can be drawn."""

import ast
import re

import vl_convert

from eventsource import charts
from tests.docs.examples import DOCS

PAGE = (DOCS / "gallery.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_every_chart_is_in_the_gallery() -> None:
    """No kind of chart lacks an example."""
    kinds = {name for name in charts.__all__ if callable(getattr(charts, name)) and name != "use_in_notebooks"}
    assert set(re.findall(r"^charts\.(\w+)\(", PAGE, re.MULTILINE)) == kinds


def test_every_example_is_drawn() -> None:
    """Each example becomes a picture that has its title, marks, and all names as text."""
    names: dict[str, object] = {}
    for block in BLOCKS:
        tree = ast.parse(block)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "gallery", "exec"), names)  # noqa: S102 - our own page
        if not isinstance(last, ast.Expr):
            continue
        chart = eval(compile(ast.Expression(last.value), "gallery", "eval"), names)  # noqa: S307 - likewise
        svg = vl_convert.vegalite_to_svg(chart.to_dict() | {"width": 680})
        title = chart.to_dict()["title"]
        assert title in svg
        assert svg.count("<path") + svg.count("<rect") > 3, title
        assert "NaN" not in svg
        assert ">null<" not in svg
