import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventsource import demo, event
from eventsource.demo import _customers, _files
from eventsource.errors import SourceError

SAMPLE = Path(__file__).parents[2] / "data" / "raw" / "customers.jsonl.gz"
HERO = "customer-42"


def raw_lines(path: Path) -> list[bytes]:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines()


def fault(line: bytes) -> str | None:
    """Say by hand what is wrong with a line, None for a good one."""
    try:
        found = json.loads(line)
    except UnicodeDecodeError:
        return "not UTF-8"
    except json.JSONDecodeError:
        return "truncated"
    if isinstance(found, list):
        return "an array"
    if "type" not in found:
        return "no type"
    return "impossible date" if found["occurred_at"].startswith("2024-02-30") else None


def good(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in raw_lines(path) if fault(line) is None]


def firsts(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep the first line of each id."""
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        found.setdefault(line["event_id"], line)
    return list(found.values())


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def members(events: pl.DataFrame, kind: str, *paths: str) -> pl.DataFrame:
    found = [pl.col("data").str.json_path_match(f"$.{path}").alias(path) for path in paths]
    return events.filter(pl.col("type") == kind).select("stream", "occurred_at", "version", *found)


def churn(events: pl.DataFrame, marked: pl.Series) -> tuple[float, float]:
    """Return the share of premium customers who cancelled: of the marked streams, and of the others."""
    cancelled = members(events, "PremiumPlanCancelled")["stream"].implode()
    buyers = members(events, "PremiumPlanBought").select("stream").unique()
    shares = buyers.group_by(pl.col("stream").is_in(marked.implode()).alias("marked")).agg(
        pl.col("stream").is_in(cancelled).mean().alias("share")
    )
    by_mark = dict(shares.iter_rows())
    return by_mark[True], by_mark[False]


@pytest.fixture(scope="module")
def events() -> pl.DataFrame:
    return demo.events(customers=6_000, seed=3)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, demo.Manifest]:
    path = tmp_path_factory.mktemp("demo") / "log.jsonl.gz"
    return path, demo.write(path, customers=800, seed=11)


def test_the_sample_is_what_its_command_makes(tmp_path: Path) -> None:
    """The committed sample has the very lines that the command in its README makes."""
    demo.write(tmp_path / "again.jsonl.gz", customers=500, seed=7)
    assert raw_lines(tmp_path / "again.jsonl.gz") == raw_lines(SAMPLE)
    assert SAMPLE.stat().st_size <= 1_000_000


def test_the_readme_of_the_sample_counts_right(tmp_path: Path) -> None:
    """Every number in the sample's table is the manifest's."""
    made = demo.write(tmp_path / "again.jsonl.gz", customers=500, seed=7)
    table = (SAMPLE.parent / "README.md").read_text().split("\n| | lines |\n", 1)[1]
    told = [line.rsplit("|", 2)[1].strip() for line in table.splitlines()[1:6]]
    assert told == [f"{n:,}" for n in (made.events, made.late, made.duplicates, made.conflicts, made.broken)]


def test_the_bytes_depend_on_the_arguments_alone(written: tuple[Path, demo.Manifest], tmp_path: Path) -> None:
    """Another process, hash seed and number of threads give the same bytes; another seed does not."""
    path, _ = written
    target = tmp_path / "other.jsonl.gz"
    program = f"from eventsource import demo; demo.write({str(target)!r}, customers=800, seed=11)"
    environment = os.environ | {"PYTHONHASHSEED": "5", "POLARS_MAX_THREADS": "1"}
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, env=environment)
    assert target.read_bytes() == path.read_bytes()
    demo.write(target, customers=800, seed=12)
    assert target.read_bytes() != path.read_bytes()


def test_the_manifest_counts_what_is_in_the_file(written: tuple[Path, demo.Manifest]) -> None:
    """Events, duplicates, conflicts, broken and late lines are exactly those found by hand."""
    path, made = written
    lines = raw_lines(path)
    faults = Counter(found for line in lines if (found := fault(line)))
    copies: dict[str, list[bytes]] = {}
    for line in lines:
        if fault(line) is None:
            copies.setdefault(json.loads(line)["event_id"], []).append(line)
    later = [line == found[0] for found in copies.values() for line in found[1:]]
    late = [
        moment(line["recorded_at"]) - moment(line["occurred_at"]) >= timedelta(days=1)
        for line in firsts(good(path))
    ]
    assert (made.events, made.duplicates, made.conflicts) == (len(copies), sum(later), later.count(False))
    assert (made.broken, made.late, made.lines) == (faults.total(), sum(late), len(lines))
    assert set(faults) == set(demo.FAULTS)
    assert made.bytes == path.stat().st_size
    assert made.duplicates > 0 < made.conflicts
    assert 0.01 < made.late / made.events < 0.03


def test_the_file_holds_the_clean_events_and_nothing_else(written: tuple[Path, demo.Manifest]) -> None:
    """What a reader keeps, the first good line of each id, is `demo.events`, in the same order."""
    path, _ = written
    kept = [
        {name: json.dumps(value) if name in {"data", "metadata"} else value for name, value in line.items()}
        for line in firsts(good(path))
    ]
    read = event.check(event.from_dicts(kept))
    clean = demo.events(customers=800, seed=11)
    assert dict(clean.schema) == dict(event.ENVELOPE)
    assert read.drop("data", "metadata").equals(clean.drop("data", "metadata"))
    for name in ("data", "metadata"):
        texts = [None if text is None else json.loads(text) for text in clean[name]]
        assert texts == [None if text is None else json.loads(text) for text in read[name]]


def test_lines_stand_in_the_order_of_arrival(written: tuple[Path, demo.Manifest]) -> None:
    """First arrivals are sorted by ``recorded_at``; members stand in the documented order."""
    path, _ = written
    lines = good(path)
    recorded = [line["recorded_at"] for line in firsts(lines)]
    order = ["event_id", "stream", "version", "type", "occurred_at", "recorded_at", "data", "metadata"]
    assert recorded == sorted(recorded)
    assert {tuple(line) for line in lines} == {tuple(order), tuple(order[:-1])}


def test_blocks_and_slices_keep_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Customers cut into many blocks and slices of time still arrive in one order, each stream whole."""
    monkeypatch.setattr(_customers, "AT_ONCE", 40)
    shares: list[float] = []
    made = demo.write(tmp_path / "cut.jsonl", customers=300, seed=5, progress=shares.append)
    lines = firsts(good(tmp_path / "cut.jsonl"))
    recorded = [line["recorded_at"] for line in lines]
    assert recorded == sorted(recorded)
    assert len(lines) == made.events
    assert {line["stream"] for line in lines} >= {f"customer-{number}" for number in range(1, 290)}
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(shares) == 8 + 8
    assert [path.name for path in tmp_path.iterdir()] == ["cut.jsonl"]


def test_parts_of_a_folder_are_the_file_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts have the stated number of lines, add up to the one file, and replace those of a longer run."""
    monkeypatch.setattr(_files, "LINES_PER_FILE", 1_000)
    demo.write(tmp_path / "parts", customers=300, seed=5)
    before = sorted((tmp_path / "parts").iterdir())
    made = demo.write(tmp_path / "parts", customers=150, seed=5)
    parts = sorted((tmp_path / "parts").iterdir())
    demo.write(tmp_path / "one.jsonl", customers=150, seed=5)
    lengths = [len(raw_lines(part)) for part in parts]
    assert len(parts) < len(before)
    assert parts[0].name == "events-0001.jsonl.gz"
    assert set(lengths[:-1]) == {1_000}
    assert b"".join(gzip.decompress(part.read_bytes()) for part in parts) == (tmp_path / "one.jsonl").read_bytes()
    assert made.bytes == sum(part.stat().st_size for part in parts)


def test_a_run_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    """A file appears when it is whole: after an error midway the old one stands, and nothing else."""

    def fail(share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        demo.write(path, customers=50, progress=fail)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("log.csv", {}),
        ("log.jsonl", {"customers": 0}),
        ("log.jsonl", {"since": "2024-01-01", "until": "2023-01-01"}),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path: Path, name: str, arguments: dict[str, Any]) -> None:
    """Another suffix, no customers and a period that ends before it begins are errors."""
    with pytest.raises(SourceError):
        demo.write(tmp_path / name, **arguments)
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=12, deadline=None)
@given(
    customers=st.integers(1, 60),
    seed=st.integers(-5, 2**63),
    since=st.dates(datetime(2020, 1, 1, tzinfo=UTC).date(), datetime(2024, 6, 1, tzinfo=UTC).date()),
    days=st.integers(1, 900),
)
def test_any_arguments_give_a_sound_log(customers: int, seed: int, since: Any, days: int) -> None:
    """Whatever the seed and period: ids unique, versions 1, 2, 3 …, everything within the period."""
    until = since + timedelta(days=days - 1)
    found = demo.events(customers=customers, seed=seed, since=since, until=until)
    by_stream = found.group_by("stream").agg("version")
    assert found["event_id"].is_unique().all()
    assert all(sorted(versions) == list(range(1, len(versions) + 1)) for versions in by_stream["version"])
    assert found.select((pl.col("occurred_at") <= pl.col("recorded_at")).all()).item()
    assert found.is_empty() or found["occurred_at"].min().date() >= since
    assert found.is_empty() or found["recorded_at"].max().date() <= until


def test_payloads_are_json_objects(events: pl.DataFrame) -> None:
    """Every payload and metadata is one JSON object, and every type occurs."""
    assert event.check(events).equals(events)
    assert set(events["type"]) == set(demo.TYPES)


def test_versions_follow_the_recording(events: pl.DataFrame) -> None:
    """A stream begins with its creation, and its versions count what is recorded, one after the other."""
    ordered = events.sort("stream", "version")
    steps = ordered.select(pl.col("recorded_at").diff().over("stream").drop_nulls() >= timedelta(0))
    assert steps.to_series().all()
    assert set(ordered.group_by("stream").agg(pl.col("type").first())["type"]) == {"CustomerCreated"}


def test_slow_support_is_visible(events: pl.DataFrame) -> None:
    """Premium customers who waited over four days on an early ticket cancel more than twice as often."""
    born = members(events, "CustomerCreated").group_by("stream").agg(pl.col("occurred_at").min().alias("born"))
    opened = members(events, "TicketOpened", "ticket_id").join(born, on="stream")
    closed = members(events, "TicketClosed", "ticket_id").select("ticket_id", closed="occurred_at")
    waited = opened.join(closed, on="ticket_id", how="left").filter(
        pl.col("occurred_at") - pl.col("born") <= timedelta(days=90),
        (pl.col("closed") - pl.col("occurred_at") > timedelta(days=4)).fill_null(value=True),
    )
    slow, others = churn(events, waited["stream"])
    assert slow > 2 * others


def test_vouchers_are_visible(events: pl.DataFrame) -> None:
    """Customers who came with a voucher cancel clearly more often."""
    channels = members(events, "CustomerCreated", "channel").filter(pl.col("channel") == "voucher")
    voucher, others = churn(events, channels["stream"])
    assert voucher > 1.4 * others


def test_seasons_are_visible(events: pl.DataFrame) -> None:
    """Sign-ups grow, and fewer come on weekends; December sells most."""
    signups = members(events, "CustomerCreated")["occurred_at"]
    purchases = members(events, "PurchaseMade")["occurred_at"].dt.truncate("1mo").value_counts()
    by_month = dict(purchases.iter_rows())
    assert signups.dt.year().value_counts().sort("occurred_at")["count"].is_sorted()
    assert (signups.dt.weekday() > 5).mean() < 2 / 7 * 0.85
    for year in (2023, 2024):
        months = {month: count for month, count in by_month.items() if month.year == year}
        assert max(months, key=lambda month: months[month]).month == 12


def lives(events: pl.DataFrame) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Yield customers' events in the order in which they occurred, up to where all of them are recorded."""
    known = pl.col("occurred_at") < datetime(2024, 11, 15, tzinfo=UTC)
    some = pl.col("version").max().over("stream") < 60
    ordered = events.filter(known, some).sort("stream", "occurred_at", "version")
    for (_,), life in ordered.group_by("stream", maintain_order=True):
        yield [(kind, json.loads(data)) for kind, data in life.select("type", "data").iter_rows()]


def test_accounts_and_plans_make_sense(events: pl.DataFrame) -> None:
    """Nothing happens to a deleted account; a plan needs a card, is renewed and ends only while it runs."""
    for life in lives(events):
        there, premium, card = False, False, False
        for kind, _ in life:
            assert there == (kind != "CustomerCreated")
            there = kind != "CustomerDeleted"
            card |= kind == "CardAdded"
            if kind.startswith("PremiumPlan"):
                assert premium == (kind != "PremiumPlanBought")
                assert card
                premium = kind in {"PremiumPlanBought", "PremiumPlanRenewed"}
            premium &= there


def test_refunds_and_answers_refer_to_something(events: pl.DataFrame) -> None:
    """Nobody gets back more than was paid, and no ticket is closed that was not opened, nor twice."""
    for life in lives(events):
        paid: dict[str, float] = {}
        tickets: set[str] = set()
        for kind, data in life:
            if kind == "PurchaseMade":
                paid[data["order_id"]] = data["amount"]
            elif kind == "PurchaseRefunded":
                assert 0 < data["amount"] <= paid.pop(data["order_id"])
            elif kind == "TicketOpened":
                tickets.add(data["ticket_id"])
            elif kind == "TicketClosed":
                tickets.remove(data["ticket_id"])


def test_nulls_absences_and_hostile_texts_are_there(events: pl.DataFrame) -> None:
    """Explicit nulls, absent members, returns, markup and formulas all occur."""
    texts = pl.concat([events["data"], demo.events(customers=500)["data"]])
    for needle in (
        '"rating":null',
        '"reason":null',
        '"city":null,"country"',
        "</script><script>alert(1)</script>",
        '"=1+1"',
        "<img src=x onerror=alert(1)>",
    ):
        assert texts.str.contains(needle, literal=True).any()
    created = members(events, "CustomerCreated", "channel")
    assert created["channel"].null_count() > 0
    assert created["stream"].is_duplicated().any()
    assert events["metadata"].null_count() > 0


@pytest.mark.parametrize("seed", [7, 1, -1])
def test_the_story_of_customer_42(seed: int) -> None:
    """Whatever the seed: premium on 1 March 2024, cancelled on 15 June, known on the 18th, moved in between."""
    found = demo.events(customers=60, seed=seed).filter(pl.col("stream") == HERO).sort("occurred_at")
    rows = [(line["type"], line["occurred_at"], json.loads(line["data"])) for line in found.to_dicts()]
    cities = [(at, data["address"]["city"]) for _, at, data in rows if "address" in data]
    plan = [(kind, at) for kind, at, _ in rows if kind in {"PremiumPlanBought", "PremiumPlanCancelled"}]
    assert [(kind, str(at.date())) for kind, at in plan] == [
        ("PremiumPlanBought", "2023-11-24"),
        ("PremiumPlanCancelled", "2024-06-15"),
        ("PremiumPlanBought", "2024-11-27"),
    ]
    assert [(str(at.date()), city) for at, city in cities] == [
        ("2023-03-14", "Kraków"),
        ("2024-04-20", "Warszawa"),
    ]
    late = found.filter(pl.col("recorded_at") - pl.col("occurred_at") >= timedelta(days=1))
    assert dict(zip(late["type"], late["recorded_at"].dt.date().cast(pl.String), strict=True)) == {
        "PurchaseMade": "2024-06-03",
        "PremiumPlanCancelled": "2024-06-18",
    }
    assert sum(kind == "PurchaseMade" for kind, _, _ in rows) == 5


def test_the_story_has_one_text() -> None:
    """The hero's events are the same for every seed and size, apart from ids and correlation."""

    def told(customers: int, seed: int) -> str:
        found = demo.events(customers=customers, seed=seed).filter(pl.col("stream") == HERO)
        return hashlib.sha256(found.drop("event_id", "metadata").write_csv().encode()).hexdigest()

    assert told(42, 1) == told(500, 7)


def test_the_story_is_not_told_in_another_time() -> None:
    """In a period that begins after the hero's sign-up, customer-42 is anybody."""
    found = demo.events(customers=60, since="2024-01-01").filter(pl.col("stream") == HERO)
    assert "Wojciech Żuławski" not in found["data"].str.join("").item()
