"""The pages can be read in the repository: they hold their generated parts, and their links work there."""

import re
from pathlib import Path

import pytest

from docs._generate import filled
from docs._markdown import as_markdown
from tests.docs.examples import PAGES, ROOT

_LINK = re.compile(r"\]\((?!https?:)([^)\s#]*)(#[^)\s]+)?(?: \"[^\"]*\")?\)")
_CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.DOTALL | re.MULTILINE)
TEXTS = [*PAGES, *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))]


def _anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub and the site give to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_generated_parts_are_what_the_code_gives(page: Path) -> None:
    """The text between the comments is what the generator gives now; `python -m docs._generate` writes it."""
    text = page.read_text(encoding="utf-8")
    assert filled(text) == text, "python -m docs._generate"


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    """Every relative link leads to a file of the repository, and to a heading that the file has."""
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    assert "{doc}" not in page.read_text(encoding="utf-8"), "a role of Sphinx is not a link in the repository"
    for target, anchor in _LINK.findall(text):
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), target
        assert not anchor or anchor[1:] in _anchors(file), target + anchor


def test_the_docstring_of_a_module_becomes_markdown() -> None:
    """Literal blocks become fenced, tables become tables, double backticks become single ones."""
    table = ["===== ====", "x     y", "===== ====", "``a`` 1", "", "b", "c     2 | 3", "===== ===="]
    text = "\n".join(["A ``b``::", "", "    one", "", "      two", "", *table])
    assert as_markdown(text).split("\n") == [
        "A `b`:",
        "",
        "```text",
        "one",
        "",
        "  two",
        "```",
        "",
        "| x | y |",
        "|---|---|",
        "| `a` | 1 |",
        "| b c | 2 \\| 3 |",
    ]
