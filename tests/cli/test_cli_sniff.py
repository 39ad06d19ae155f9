"""sniff and init --from: files that are not events as they are get a guessed mapping."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from eventsource.cli._guess_reading import guess_records
from eventsource.cli._guess_times import find_times

Run = Callable[..., Result]

FILES = {
    "steps.csv": "case;activity;time\n7;Sent;2024-01-01\n7;Paid;2024-01-02\n",
    "orders.csv": "OrderID,OrderDate,ShippedDate,Amount\n1,2024-01-01,2024-01-05,9.99\n2,2024-01-02,,44.96\n",
    "visits.jsonl": '{"no": 5, "user": {"id": "u1"}, "event": "Seen", "ts": 1704067200}\n'
    '{"no": 6, "user": {"id": "u1"}, "event": "Left", "ts": 1704067260}\n',
    "index.csv": ",who,action,when\n0,ada,Bought,2024-01-01\n1,ada,Sold,2024-01-02\n",
}
MAPPINGS: dict[str, dict[str, Any]] = {
    "steps.csv": {"event_id": "@line", "occurred_at": "time", "type": "activity", "stream": "case"},
    "orders.csv": {
        "event_id": ["OrderID", "@type"],
        "events": [
            {"type": "Order", "occurred_at": "OrderDate"},
            {"type": "Shipped", "occurred_at": "ShippedDate"},
        ],
        "stream": "OrderID",
    },
    "visits.jsonl": {"event_id": "no", "occurred_at": "ts", "type": "event", "stream": "user.id"},
    "index.csv": {"event_id": "", "occurred_at": "when", "type": "action", "stream": "who"},
}


@pytest.mark.parametrize("name", FILES)
def test_sniff_prints_a_mapping_that_works(run: Run, folder: Path, name: str) -> None:
    """What it prints can be pasted: a pull with it takes all lines."""
    (folder / name).write_text(FILES[name])
    out = run("sniff", name).stdout
    assert f"{name}: " in out
    table = "[tool.eventsource.source]" + out.partition("[tool.eventsource.source]")[2]
    mapping = tomllib.loads(table)["tool"]["eventsource"]["source"]
    assert mapping == {"path": name, **MAPPINGS[name]}
    (folder / "pyproject.toml").write_text(table)
    assert "appended" in run("pull").stdout
    assert not (folder / "data" / "log" / "rejected").exists()


def test_sniff_of_what_needs_no_mapping(run: Run, folder: Path) -> None:
    """Events as they are, and known formats, have no mapping; a file without a clue is exit code 1."""
    assert 'path = "raw/a.jsonl"\n' in run("sniff", "raw/a.jsonl").stdout
    (folder / "odd.jsonl").write_text('{"a": [1]}\n')
    assert "no mapping could be guessed" in run("sniff", "odd.jsonl", code=1).stdout
    line = {
        "auditID": "a",
        "stage": "Done",
        "user": "ada",
        "verb": "get",
        "requestReceivedTimestamp": "2024-01-01T00:00:00Z",
    }
    (folder / "k8s.jsonl").write_text(json.dumps(line | {"requestURI": "/"}) + "\n")
    assert "a:Done" in run("sniff", "k8s.jsonl").stdout


@pytest.mark.parametrize("name", ["steps.csv", "orders.csv", "visits.jsonl"])
def test_from_a_raw_file_to_the_first_answer(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A project made with --from has the mapping and a model; pull and as-of work at once."""
    (folder / name).write_text(FILES[name])
    said = run("init", "mine", "--from", name).stdout
    mapping = tomllib.loads((folder / "mine" / "pyproject.toml").read_text())["tool"]["eventsource"]["source"]
    assert f"stream = {mapping['stream']}" in said
    monkeypatch.chdir(folder / "mine")
    assert "rejected" not in run("pull").stdout
    answer = json.loads(run("as-of", "-f", "json").stdout)
    assert answer
    if name == "orders.csv":
        assert "dtype=pl.Decimal(38, 2)" in (folder / "mine" / "models.py").read_text()
        assert [row["amount_total"] for row in answer] == ["19.98", "44.96"]


UGLY: dict[str, tuple[bytes, dict[str, Any]]] = {
    "Vorgänge 2024.csv": (
        "Vorgang;Aktivität;Zeitpunkt;Betrag\r\n7;Geprüft;31.01.2024 09:30;1.234,50\r\n\r\n"
        "7;Bewilligt;01.02.2024 10:00;\r\n8;Geprüft;02.02.2024 10:00;0,99\r\n".encode("cp1252"),
        {
            "event_id": "@line",
            "occurred_at": "Zeitpunkt",
            "type": "Aktivität",
            "time_format": ["%d.%m.%Y %H:%M"],
            "stream": "Vorgang",
            "decimal": ",",
            "encoding": "cp1252",
        },
    ),
    "verkauf.csv": (
        "Beleg;Kunde;Zeit;Art;Betrag\n1;José;31.12.2023 23:30;Verkauf;1.234,50\n"
        "2;Zoë;01.01.2024 00:15;Verkauf;1.000\n3;José;02.01.2024 10:00;Gutschrift;-34,50\n".encode("cp1252"),
        {
            "event_id": "Beleg",
            "occurred_at": "Zeit",
            "type": "Art",
            "time_format": ["%d.%m.%Y %H:%M"],
            "stream": "Kunde",
            "decimal": ",",
            "encoding": "cp1252",
        },
    ),
    "audit.json": (
        json.dumps(
            {
                "schema": {"ids": [{"x": 1}]},
                "Records": [
                    {"auditID": "a", "stage": "Begun", "verb": "get", "at": 1717230000000, "note": "]}{["},
                    {"auditID": "a", "stage": "Done", "verb": "get", "at": 1717230000500},
                    {"auditID": "b", "stage": "Begun", "verb": "delete", "at": 1717230001000},
                ],
                "next": None,
            },
            indent=2,
        ).encode(),
        {"event_id": "@line", "occurred_at": "at", "type": "verb", "stream": "auditID", "records": "Records"},
    ),
    "orders.txt": (
        b"\tCustomer\tOrderDate\tShippedDate\tFreight\n0\tX\t19970101\t19970105\t12.50\n1\tX\t19970102\t\t1.75\n",
        {
            "event_id": ["", "@type"],
            "events": [
                {"type": "Order", "occurred_at": "OrderDate"},
                {"type": "Shipped", "occurred_at": "ShippedDate"},
            ],
            "time_format": ["%Y%m%d"],
            "stream": "Customer",
        },
    ),
}


@pytest.mark.parametrize("name", UGLY)
def test_sniff_finds_out_how_a_file_is_to_be_read(run: Run, folder: Path, name: str) -> None:
    """Encoding, decimal commas, formats of times, tabs, arrays: a pull with the printed table takes all lines."""
    content, expected = UGLY[name]
    (folder / name).write_bytes(content)
    out = run("sniff", name).stdout
    table = "[tool.eventsource.source]" + out.partition("[tool.eventsource.source]")[2]
    assert tomllib.loads(table)["tool"]["eventsource"]["source"] == {"path": name, **expected}
    (folder / "pyproject.toml").write_text(table)
    assert " 3 events appended" in run("pull").stdout
    assert not (folder / "data" / "log" / "rejected").exists()


def test_init_from_a_file_in_another_encoding(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of types are in the model as they are, money is exact, and as-of answers at once."""
    (folder / "raw.csv").write_bytes(UGLY["Vorgänge 2024.csv"][0])
    run("init", "work", "--from", "raw.csv")
    monkeypatch.chdir(folder / "work")
    model = Path("models.py").read_text(encoding="utf-8")
    assert '"Geprüft"' in model
    assert "dtype=pl.Decimal(38, 2)" in model
    run("pull")
    rows = json.loads(run("as-of", "-f", "json").stdout)
    assert [(row["entity"], row["betrag_total"]) for row in rows] == [("7", "1234.50"), ("8", "0.99")]


def test_a_pull_of_another_encoding_names_it(run: Run, folder: Path) -> None:
    """The hint is the option to type."""
    (folder / "raw.csv").write_bytes(UGLY["Vorgänge 2024.csv"][0])
    assert "eventsource pull --encoding cp1252 raw.csv" in run("pull", "raw.csv", code=1).stderr


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b'{"a": 1}', None),
        (b"[1, 2]", None),
        (b'{"items": [1, 2]}', None),
        (b'{"items": [{"a": [{"b": 1}, {"b": 2}]}]}', "items"),
        (b'{"a": {"b": [{"c": "}]{[\\""}, {"c": 2}, {"c"', "a.b"),
        (b'{"few": [{}], "many": [{}, {}, {}', "many"),
        (b"\xff\xfe not JSON", None),
    ],
)
def test_the_records_of_a_document_are_its_longest_array(raw: bytes, path: str | None) -> None:
    """Whatever texts hold, and also if only the first part of the document is known."""
    assert guess_records(raw) == path


@pytest.mark.parametrize(
    ("name", "values", "form"),
    [
        ("when", ["2024-01-01", "2024-01-02 10:00"], ""),
        ("when", ["31.12.2024", "01.02.2024"], "%d.%m.%Y"),
        ("when", ["12/31/2024", "01/02/2024"], "%m/%d/%Y"),
        ("when", ["01/02/2024", "03/04/2024"], "%d/%m/%Y"),
        ("date", ["19970101", "19971231"], "%Y%m%d"),
        ("number", ["19970101", "19971231"], None),
        ("date", ["12345678", "99999999"], None),
        ("ts", ["1704067200", "1704067260"], ""),
        ("when", ["soon", "later"], None),
    ],
)
def test_formats_of_times_are_guessed(name: str, values: list[str], form: str | None) -> None:
    """An empty format: none is needed; None: they are not times."""
    assert find_times({name: values}).get(name) == form


def test_the_stream_is_an_id_that_repeats_and_others_are_named(run: Run, folder: Path) -> None:
    """Not the name of a customer, nor the account that all lines have; what else could be meant is said."""
    rows = [
        f'{{"ts": "2024-01-{day:02}", "event": "Seen", "account_id": "one", "customer_name": "Ada {day % 2}", '
        f'"customer_id": {day % 4}, "session_id": {day % 8}}}\n'
        for day in range(1, 29)
    ]
    (folder / "visits.jsonl").write_text("".join(rows))
    out = run("sniff", "visits.jsonl").stdout
    assert 'stream = "customer_id"' in out
    assert '# the stream could also be "session_id", "customer_name", "account_id"' in out
    assert (
        "the stream could also be session_id, customer_name"
        in run("init", "mine", "--from", "visits.jsonl").stdout
    )
