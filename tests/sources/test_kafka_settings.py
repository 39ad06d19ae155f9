"""What needs no broker: where a pull begins, what a URL says, and errors that say what to do."""

from pathlib import Path

import pytest

import eventsource as es
from eventsource.errors import SourceError, StoreError
from eventsource.sources.kafka._client import Span
from eventsource.sources.kafka._offsets import Start, place_after, start_of
from eventsource.sources.kafka._settings import settings_of
from tests.services._process import free_port
from tests.sources.kafkakit import read


def begin(place: object, spans: dict[int, Span], *, is_compacted: bool = False, allow_gaps: bool = False) -> Start:
    """Return where a pull of topic ``t`` begins."""
    return start_of(place, spans, "t", is_compacted=is_compacted, allow_gaps=allow_gaps)


def test_a_pull_begins_at_the_checkpoint_of_each_partition() -> None:
    """The example of the module."""
    place = {"offsets": {"0": 40, "1": 7}, "gaps": []}
    spans = {0: Span(120, 300), 1: Span(0, 90), 2: Span(0, 15)}
    with pytest.raises(SourceError, match=r"partition 0 .* the offsets 40 to 119 were deleted"):
        begin(place, spans)
    start = begin(place, spans, allow_gaps=True)
    assert start.offsets == {0: 120, 1: 7, 2: 0}
    assert start.gaps == ((0, 40, 119),)
    assert place_after(start, start.offsets) == {"offsets": {"0": 120, "1": 7, "2": 0}, "gaps": [[0, 40, 119]]}
    assert [note[:9] for note in start.notes] == ["partition", "topic 't'"]


def test_gaps_of_earlier_pulls_stay_in_the_checkpoint() -> None:
    """They are never forgotten."""
    start = begin({"offsets": {"0": 9}, "gaps": [[0, 1, 3]]}, {0: Span(5, 20)})
    assert start.gaps == ((0, 1, 3),)


def test_a_partition_that_ends_before_the_checkpoint_has_lost_messages() -> None:
    """New messages would take offsets that were read already: gaps or not, nothing is read."""
    with pytest.raises(SourceError, match="ends at offset 5, before the checkpoint at 8"):
        begin({"offsets": {"0": 8}, "gaps": []}, {0: Span(0, 5)}, allow_gaps=True)


def test_options_come_from_the_query_the_user_the_environment_and_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one that has an option counts."""
    file = tmp_path / "client.properties"
    file.write_text("# of the team\nsasl.password = from file\nssl.ca.location=/ca.pem\nclient.rack=a\n")
    monkeypatch.setenv("EVENTSOURCE_KAFKA_CLIENT_RACK", "b")
    query = f"?config={file}&sasl.mechanism=SCRAM-SHA-512&schema.registry.url=http://r&allow_gaps=true"
    settings = settings_of(f"kafka://ben@h1,h2:9093/orders{query}")
    assert (settings.servers, settings.topic, settings.allow_gaps) == ("h1:9092,h2:9093", "orders", True)
    assert settings.client == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "ben",
        "sasl.password": "from file",
        "ssl.ca.location": "/ca.pem",
        "client.rack": "b",
    }
    assert settings.registry == {"url": "http://r"}
    assert "from file" not in repr(settings)


@pytest.mark.parametrize("url", ["kafka://host:9092", "kafka://host:9092/", "kafka:///topic", "kafka://h/a/b"])
def test_a_url_must_name_a_topic(url: str) -> None:
    """The error shows how."""
    with pytest.raises(SourceError, match="kafka://host:9092/topic"):
        es.source(url)


def test_a_file_of_options_must_exist(tmp_path: Path) -> None:
    """The error names it."""
    with pytest.raises(SourceError, match="nowhere"):
        es.source(f"kafka://h/t?config={tmp_path / 'nowhere'}")


def test_unknown_options_are_named() -> None:
    """Those of the source with what was meant, those of librdkafka with where they are listed."""
    with pytest.raises(SourceError, match="did you mean 'allow_gaps'"):
        es.source("kafka://h/t", allow_gap=True)
    with pytest.raises(SourceError, match=r'"foo.bar"'):
        read(es.source(f"kafka://127.0.0.1:{free_port()}/t?foo.bar=1"))


def test_a_broker_that_refuses_is_named_at_once() -> None:
    """A port where nothing listens needs no timeout; the password is nowhere."""
    source = es.source(f"kafka://ben:s3cret@127.0.0.1:{free_port()}/orders?security.protocol=SASL_PLAINTEXT")
    with pytest.raises(StoreError, match=r"Connection refused[\s\S]*whether the broker runs") as raised:
        read(source)
    assert "s3cret" not in f"{raised.value} {raised.value!r} {source.name} {source!r}"
    assert source.name.endswith("/orders")


def test_an_unknown_host_is_named() -> None:
    """The name cannot be resolved."""
    with pytest.raises(StoreError, match=r"nowhere\.invalid[\s\S]*check the name of the host"):
        read(es.source("kafka://nowhere.invalid:9092/orders", timeout=20.0))
