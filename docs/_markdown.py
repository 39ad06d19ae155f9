"""Turns the reStructuredText of docstrings into Markdown."""

import re
from collections.abc import Iterator
from typing import Final

_RULE = re.compile(r"^=+( =+)+$")
_RULES: Final = 3  # lines of a table that only separate: above the head, below it, and at the end


def as_markdown(text: str) -> str:
    """Turn the reStructuredText of a module's docstring into Markdown: literal blocks, tables, literals."""
    found: list[str] = []
    for block in _blocks(text.split("\n")):
        if block[0].startswith("    ") and found and found[-1].endswith("::"):
            found[-1] = found[-1][:-1] if found[-1] != "::" else ""
            found.append("\n".join(["```text", *(line[4:] for line in block), "```"]))
        elif _RULE.match(block[0]):
            found.append(_table(block))
        else:
            found.append("\n".join(block).replace("``", "`"))
    return "\n\n".join(block for block in found if block)


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Yield paragraphs, whole literal blocks and whole tables."""
    block: list[str] = []
    for number, line in enumerate(lines):
        following = next((each for each in lines[number:] if each), "")
        in_literal = bool(block) and block[0].startswith("    ") and following.startswith("    ")
        in_table = bool(block) and bool(_RULE.match(block[0])) and sum(map(bool, map(_RULE.match, block))) < _RULES
        if line or in_literal or in_table:
            block.append(line)
        elif block:
            yield block
            block = []
    if block:
        yield block


def _table(lines: list[str]) -> str:
    """Turn a simple table of reStructuredText into Markdown; blank lines separate rows of several lines."""
    starts = [found.start() for found in re.finditer("=+", lines[0])]
    ends = [*starts[1:], None]
    several = "" in lines
    rows: list[list[str]] = []
    is_new = True
    for line in lines[1:]:
        is_rule = bool(_RULE.match(line))
        cells = [line[start:end].strip().replace("``", "`") for start, end in zip(starts, ends, strict=True)]
        if line and not is_rule and is_new:
            rows.append(cells)
        elif line and not is_rule:
            rows[-1] = [f"{above} {cell}".strip() for above, cell in zip(rows[-1], cells, strict=True)]
        is_new = not several or is_rule or not line
    head, *body = (f"| {' | '.join(cell_of(cell, code=True) for cell in row)} |" for row in rows)
    return "\n".join([head, f"|{'---|' * len(starts)}", *body])


def cell_of(text: str, *, code: bool = False) -> str:
    """Return a text that may be a cell of a table."""
    escaped = text.replace("|", "\\|")
    return escaped if code else escaped.replace("<", "&lt;")
