"""Text on the terminal: consoles, notes and messages; no text can send it control characters or show passwords.

rich is imported when something is printed: a question whose answer goes to a file does not need it.
"""

import os
import sys
from typing import TYPE_CHECKING, Any, Final

from eventsource.cli._errors import UsageError
from eventsource.redaction import without_secrets

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["complain", "confirm", "console", "harmless", "note", "plain_console", "say"]

_UNBOUNDED: Final = 10_000
_STYLES: Final = {"Error": "bold red", "Warning": "bold yellow", "Hint": "bold"}


def harmless(text: str, keep: str = "") -> str:
    """Return a text with visible signs in place of control characters, except for those in ``keep``."""
    signs = {code: sign for code, sign in _PICTURES.items() if chr(code) not in keep} if keep else _PICTURES
    return text.translate(signs)


def say(text: str, style: str = "") -> None:
    """Print a text on stdout; the text may be from anywhere, its line breaks are kept."""
    from rich.text import Text

    console().print(Text(harmless(without_secrets(text), keep="\n"), style=style))


def note(text: str) -> None:
    """Print a remark on stderr, in one line."""
    from rich.text import Text

    _print_on_stderr(Text(harmless(without_secrets(text)), style="dim"))


def complain(kind: str, text: str) -> None:
    """Print an error, a warning or a hint on stderr, such as ``Error: …``."""
    from rich.text import Text

    head = Text(f"{kind}: ", style=_STYLES[kind])
    _print_on_stderr(head.append(harmless(without_secrets(text), keep="\n"), style="not bold default"))


def confirm(question: str) -> None:
    """Ask on a terminal before something that cannot be undone; only "y" or "yes" is a consent.

    Raises:
        UsageError: there is no terminal to ask on, or the answer is another one.
    """
    hint = "--yes does it without asking"
    if not sys.stdin.isatty():
        raise UsageError("expected a terminal to ask on, got none; nothing was changed", hint=hint)
    sys.stderr.write(f"{harmless(question)} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("expected yes, got another answer; nothing was changed", hint=hint)


def console() -> "Console":
    """Return stdout for tables: as wide as its window; in a pipe as wide as $COLUMNS, else without a limit."""
    from rich.console import Console

    if sys.stdout.isatty():
        return Console(markup=False, highlight=False, emoji=False)
    return plain_console(sys.stdout)


def plain_console(file: Any) -> "Console":
    """Return a console without colours that writes into a file."""
    from rich.console import Console

    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isdigit() and file is sys.stdout else _UNBOUNDED
    return Console(file=file, markup=False, highlight=False, emoji=False, width=width)


def _print_on_stderr(text: Any) -> None:
    from rich.console import Console

    err = Console(stderr=True, markup=False, highlight=False, emoji=False)
    err.print(text, soft_wrap=not err.is_terminal)


def _picture(code: int) -> str:
    """Return a visible sign for a control character: its Unicode picture, or its number."""
    if code < 0x20:  # noqa: PLR2004 - the end of the C0 controls
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - Latin-1


_CONTROL: Final = (
    *(range(0x20), range(0x7F, 0xA0), range(0x61C, 0x61D), range(0x200E, 0x2010)),
    *(range(0x2028, 0x202F), range(0x2066, 0x206A), range(0xFEFF, 0xFF00)),
)
"""Characters that a terminal obeys, or that reverse the order of the characters after them."""
_PICTURES: Final = {code: _picture(code) for codes in _CONTROL for code in codes}
