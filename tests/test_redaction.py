"""Passwords, tokens and signatures in URLs are hidden, wherever the URL is."""

import time

import pytest

from eventsource.errors import EventsourceError
from eventsource.messages import first_line
from eventsource.redaction import harmless_cause, is_secret_parameter, without_secrets
from tests.hostile import effort

HIDDEN = [
    ("postgresql://ben:s3cret@db/shop", "postgresql://ben:***@db/shop"),
    ("postgresql://ben:s3@cr/e?t@db/shop?x=1", "postgresql://ben:***@db/shop?x=1"),
    ("postgresql://:s3cret@db/shop", "postgresql://:***@db/shop"),
    ("postgresql://db/shop?user=ben&password=s3cret&x=1", "postgresql://db/shop?user=ben&password=***&x=1"),
    ("postgresql://db/shop?sslpassword=s3cret", "postgresql://db/shop?sslpassword=***"),
    ("postgresql://db/shop?%70assword=s3cret", "postgresql://db/shop?%70assword=***"),
    ("error for url (http://key:s3cret@minio:9000/log/x)", "error for url (http://key:***@minio:9000/log/x)"),
    ("https://b.s3/x?X-Amz-Signature=s3cret&a=b#c", "https://b.s3/x?X-Amz-Signature=***&a=b#c"),
    ("https://b.s3/x?X-Amz-Security-Token=s3cret", "https://b.s3/x?X-Amz-Security-Token=***"),
    ("https://b.blob/x?sv=1&sig=s3cret", "https://b.blob/x?sv=1&sig=***"),
    ('"http://a:s3cret@b" and http://c:s3cret@d', '"http://a:***@b" and http://c:***@d'),
]
SHOWN = [
    "postgresql://ben@db/shop",
    "s3://bucket/log@v1",
    "http://localhost:9000/log",
    "https://x.org/?passage=2&design=4&user=ben",
    "ben@example.org: no URL",
    "2024-01-01 a=b @c",
]


@pytest.mark.hostile
@pytest.mark.parametrize(("text", "shown"), HIDDEN)
def test_secrets_are_hidden(text: str, shown: str) -> None:
    """In messages, hints and causes of errors, too."""
    assert without_secrets(text) == shown
    error = EventsourceError(f"a: {text}", hint=f"b: {text}")
    assert str(error) == f"a: {shown}\nHint: b: {shown}"
    assert error.hint == f"b: {shown}"
    assert harmless_cause(OSError(text)) is None


@pytest.mark.parametrize("text", SHOWN)
def test_other_texts_stay_as_they_are(text: str) -> None:
    """A URL without a secret, an address of mail, a port."""
    assert without_secrets(text) == text
    cause = OSError(text)
    assert harmless_cause(cause) is cause


@pytest.mark.parametrize("before", range(240, 301, 5))
def test_a_long_line_is_cut_after_its_secrets_are_hidden(before: int) -> None:
    """Also where the cut is inside the password: what is left does not look like a URL with one."""
    error = OSError(f"{'x' * before} postgresql://ann:s3cr3t-s3cr3t@host/shop\nbacktrace")
    assert "s3c" not in first_line(error)
    assert "s3c" not in str(EventsourceError(first_line(error)))


@pytest.mark.hostile
@pytest.mark.parametrize(
    "piece", ["a:", "http://a:", "://@", "?password", "?a", "password", "&sig=x", "x@", "token=", "%", " ://:@"]
)
def test_the_time_is_linear(piece: str) -> None:
    """Texts may come from files and servers: none takes long."""
    text = piece * effort(20_000, 1_000_000)
    begin = time.process_time()
    for each in (text, f"?{text}=", f"{text}://x@", f"http://{text}@"):
        without_secrets(each)
    assert time.process_time() - begin < effort(2, 60)


def test_names_of_secret_parameters() -> None:
    """The list is by parts of names, and by two whole short names."""
    for name in ("password", "SSLPASSWORD", "aws_secret_access_key", "api-key", "accountkey", "pass", "sig"):
        assert is_secret_parameter(name), name
    for name in ("user", "host", "passfile", "compass", "signal", "sslmode", "key"):
        assert not is_secret_parameter(name), name
