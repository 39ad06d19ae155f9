"""Who runs: each contender is one function from a folder to an answer, timed in a process of its own."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl

import eventsource as es

MOMENT = "2023-06-30"
END = "2023-07-01T00:00:00+00:00"

SQL = f"""
SELECT stream AS entity,
       arg_max(name, (occurred_at, position)) FILTER (name IS NOT NULL) AS name,
       arg_max(city, (occurred_at, position)) FILTER (city IS NOT NULL) AS city,
       coalesce(arg_max(type = 'PremiumPlanBought', (occurred_at, position))
                FILTER (type IN ('PremiumPlanBought', 'PremiumPlanCancelled')), false) AS premium,
       count(*) FILTER (type = 'PurchaseMade') AS orders,
       coalesce(sum(amount), 0) AS spent
FROM '{{folder}}/typed.parquet' WHERE occurred_at < '{END}'
GROUP BY stream HAVING bool_or(type = 'CustomerCreated') ORDER BY stream
"""


class Customer(es.Model, created="CustomerCreated"):
    """The five fields that every contender folds."""

    name = es.latest("CustomerCreated", "CustomerRenamed", of="name")
    city = es.latest("CustomerCreated", "BillingAddressChanged", of="address.city")
    premium = es.flag(on="PremiumPlanBought", off="PremiumPlanCancelled")
    orders = es.count("PurchaseMade")
    spent = es.total("PurchaseMade", of="amount")


def run(name: str, folder: Path) -> dict[str, str]:
    """Run one contender in a process of its own; return its row of the table."""
    command = [sys.executable, "-m", "tests.benchmarks.contenders", name, str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    print(f"{name}: done", file=sys.stderr)
    return {"workload": name, "seconds": f"{found['seconds']:.2f}", "peak MB": f"{found['peak']:,.0f}"}


def compare(folder: Path) -> None:
    """Stop unless all contenders gave the same states, to the cent."""
    expected = pl.read_parquet(folder / "as_of duckdb.answer.parquet")
    for path in sorted(folder.glob("as_of *.answer.parquet")):
        found = pl.read_parquet(path)
        same = expected.drop("spent").equals(found.select(expected.drop("spent").columns))
        if not same or (expected["spent"] - found["spent"]).abs().max() > 0.001:
            raise SystemExit(f"{path.stem} differs from DuckDB's answer")


def duckdb_to_parquet(folder: Path) -> None:
    """What a pull is measured against: the same file to Parquet."""
    names = ("event_id", "stream", "type", "occurred_at", "recorded_at")
    columns = "{" + ", ".join(f"{name}: 'VARCHAR'" for name in names) + ", data: 'JSON'}"
    lines = f"read_json('{folder}/events.jsonl', format='newline_delimited', columns={columns})"
    times = "occurred_at::TIMESTAMPTZ AS occurred_at, recorded_at::TIMESTAMPTZ AS recorded_at"
    rows = f"SELECT event_id, stream, type, {times}, data FROM {lines}"
    duckdb.sql(f"COPY ({rows}) TO '{folder}/duckdb.parquet' (COMPRESSION zstd)")


def pull(folder: Path) -> None:
    """Pull the file into a new log."""
    pulled = es.Log(str(folder / "log")).pull(es.source(str(folder / "events.jsonl")))
    print(pulled, file=sys.stderr)


def as_of_first(folder: Path) -> pl.DataFrame:
    """The first question of a model: decodes and clusters the log."""
    return es.Timeline(es.Log(str(folder / "log")), Customer).as_of(MOMENT)


def as_of(folder: Path) -> pl.DataFrame:
    """Every later question."""
    return es.Timeline(es.Log(str(folder / "log")), Customer).as_of(MOMENT)


def as_of_duckdb(folder: Path) -> pl.DataFrame:
    """Hand-written SQL over typed Parquet in arrival order."""
    duckdb.sql("SET timezone = 'UTC'")
    return duckdb.sql(SQL.format(folder=folder)).pl().cast({"orders": pl.Int64})


def as_of_pandas(folder: Path) -> pl.DataFrame:
    """Sort and group by hand, over the same typed Parquet."""
    import pandas as pd  # noqa: PLC0415 - only this contender pays for the import

    frame = pd.read_parquet(folder / "typed.parquet")
    frame = frame[frame["occurred_at"] < END].sort_values(["stream", "occurred_at", "position"])
    frame["premium"] = frame["type"].map({"PremiumPlanBought": True, "PremiumPlanCancelled": False})
    frame["order"] = frame["type"] == "PurchaseMade"
    frame["created"] = frame["type"] == "CustomerCreated"
    groups = frame.groupby("stream", sort=True)
    states = groups.agg(
        name=("name", "last"),
        city=("city", "last"),
        premium=("premium", "last"),
        orders=("order", "sum"),
        spent=("amount", "sum"),
        created=("created", "any"),
    )
    states = states[states["created"]].drop(columns="created").reset_index(names="entity")
    states["premium"] = states["premium"].eq(other=True)
    return pl.from_pandas(states).cast({"orders": pl.Int64})


def as_of_python(folder: Path) -> pl.DataFrame:
    """Replay event by event in plain Python, over the same typed Parquet."""
    frame = pl.scan_parquet(folder / "typed.parquet").filter(
        pl.col("occurred_at") < pl.lit(END).str.to_datetime("%+")
    )
    states: dict[str, list[object]] = {}
    columns = ("stream", "type", "name", "city", "amount")
    for stream, kind, name, city, amount in (
        frame.sort("occurred_at", "position").select(columns).collect().iter_rows()
    ):
        state = states.setdefault(stream, [None, None, False, 0, 0.0, False])
        if name is not None:
            state[0] = name
        if city is not None:
            state[1] = city
        if kind in ("PremiumPlanBought", "PremiumPlanCancelled"):
            state[2] = kind == "PremiumPlanBought"
        elif kind == "PurchaseMade":
            state[3] += 1  # type: ignore[operator]
            state[4] += amount  # type: ignore[operator]
        elif kind == "CustomerCreated":
            state[5] = True
    rows = [(stream, *state[:5]) for stream, state in sorted(states.items()) if state[5]]
    return pl.DataFrame(rows, schema=["entity", "name", "city", "premium", "orders", "spent"], orient="row")


CONTENDERS: dict[str, Callable[[Path], pl.DataFrame | None]] = {
    "JSON Lines to Parquet, DuckDB": duckdb_to_parquet,
    "JSON Lines to log, pull": pull,
    "as_of first question": as_of_first,
    "as_of eventsource": as_of,
    "as_of duckdb": as_of_duckdb,
    "as_of pandas": as_of_pandas,
    "as_of plain Python": as_of_python,
}


def _peak() -> float:
    """Return the most memory that this program itself has held, in MB (getrusage counts its parent's, too)."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def main() -> None:
    """Run the contender named on the command line; print seconds and peak memory."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    begin = time.perf_counter()
    answer = CONTENDERS[name](folder)
    seconds = time.perf_counter() - begin
    peak = _peak()
    if answer is not None:
        answer.write_parquet(folder / f"{name}.answer.parquet")
    print(json.dumps({"seconds": seconds, "peak": peak}))


if __name__ == "__main__":
    main()
