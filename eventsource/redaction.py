"""Hiding passwords in URLs, and in texts that contain URLs: errors of drivers and object stores repeat them.

```text
postgresql://ben:s3cret@db/shop                      postgresql://ben:***@db/shop
postgresql://db/shop?user=ben&password=s3cret        postgresql://db/shop?user=ben&password=***
http://minio:9000/log?X-Amz-Signature=5d67           http://minio:9000/log?X-Amz-Signature=***
```

`EventsourceError` passes its message and its hint through `without_secrets`, and so does everything else that
shows a URL or an error of another library.
"""

import re
from typing import Final
from urllib.parse import unquote

__all__ = ["HIDDEN", "harmless_cause", "is_secret_parameter", "without_secrets"]

HIDDEN: Final = "***"

_SECRET: Final = re.compile(
    r"pass(word|wd|phrase)|pwd|secret|token|signature|credential|(api|access|account|private)[_-]?key|^(pass|sig)$",
    re.IGNORECASE,
)
_PARAMETER: Final = re.compile(r"([?&;]([\w.%-]+)=)[^&;#\s\"'<>`]+")
_WORD: Final = re.compile(r"[^\s\"'<>`]+")
_USER: Final = re.compile(r"[^/?#:@]*:")


def without_secrets(text: str) -> str:
    """Return a text with ``***`` in place of the passwords, tokens and signatures of the URLs in it."""
    if "://" in text and "@" in text:
        text = _WORD.sub(lambda word: _without_password(word[0]), text)
    return _PARAMETER.sub(_without_value, text) if "=" in text else text


def harmless_cause(error: BaseException) -> BaseException | None:
    """Return an error, for ``raise … from``; None if its text has a secret, as tracebacks show the cause."""
    text = str(error)
    return error if without_secrets(text) == text else None


def is_secret_parameter(name: str) -> bool:
    """Return whether a parameter in the query of a URL is a secret, by its name."""
    return _SECRET.search(unquote(name)) is not None


def _without_value(parameter: re.Match[str]) -> str:
    return f"{parameter[1]}{HIDDEN}" if is_secret_parameter(parameter[2]) else parameter[0]


def _without_password(word: str) -> str:
    """Return a URL without what is between its user and its last @: a password may have an @, / or ? unescaped."""
    scheme, separator, rest = word.partition("://")
    user = _USER.match(rest)
    before, at, after = rest.rpartition("@")
    if user is None or not at or user.end() > len(before):
        return word
    return f"{scheme}{separator}{user[0]}{HIDDEN}{at}{after}"
