"""The prose keeps away from the words and phrases that make a reader stop."""

from tests.docs.words import findings


def test_the_prose_avoids_private_words() -> None:
    """No text has a word of the list `AVOIDED`, but for the places that `ALLOWED` names."""
    assert not findings(), "\n".join(map(str, findings()))
