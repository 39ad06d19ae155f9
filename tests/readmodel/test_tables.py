"""Names and tables: what a database can hold, what is refused, what survives a rebuild."""

from pathlib import Path

import pytest

import eventsource as es
from eventsource.errors import DatabaseError, ReadModelError
from eventsource.plan import Rule
from eventsource.readmodel import ReadModel
from tests.readmodel.readmodelkit import Shop, assert_equal, event, latest, over, plan, shop_log, sql
from tests.services.postgresql import Server

pytestmark = pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning")
"""The logs here begin small."""


HOSTILE = ('a"b', "a'b", "a%b", "a%(x)s", "a:b", "a b", "select", "a;DROP TABLE x--", "ż", "a\\b", "a.b", "{x}")


def test_names_and_values_are_never_read_as_sql(url: str) -> None:
    """Tables and fields may have any name that the database can hold."""
    events = [event(n, name, "Set", v=name) for n, name in enumerate(HOSTILE)]
    of = plan(*(latest(name) for name in HOSTILE))
    for name in HOSTILE[:6]:
        model = ReadModel(over(events[:3], of), url, table=name, history=True)
        model.refresh()
        model = ReadModel(over(events, of), url, table=name, history=True)
        assert model.refresh().written == 2 * (len(HOSTILE) - 3)
        model.rebuild()
        assert_equal(model, url)


def test_names_that_a_database_cannot_hold_are_refused(postgresql: Server, tmp_path: Path) -> None:
    """A name that would be truncated, or equals another column, is refused at once."""
    file, server = f"sqlite:///{tmp_path}/x.db", postgresql.database()
    with pytest.raises(ReadModelError, match="63 bytes"):
        ReadModel(over([], plan(latest("ż" * 32))), server)
    with pytest.raises(ReadModelError, match="63 bytes"):
        ReadModel(over([], Shop), server, table="t" * 56, history=True)
    with pytest.raises(ReadModelError, match="'City' and 'city' apart"):
        ReadModel(over([], plan(latest("City"), latest("city"))), file)
    ReadModel(over([], plan(latest("City"), latest("city"))), server).refresh()
    for url in (file, server):
        with pytest.raises(ReadModelError, match="table of records"):
            ReadModel(over([], Shop), url, table="eventsource_readmodels")


@pytest.mark.parametrize("name", ["excluded", "Excluded"])
def test_a_reserved_name_is_refused(url: str, name: str) -> None:
    """``excluded`` names the rows of an upsert."""
    with pytest.raises(ReadModelError, match="cannot have the name"):
        ReadModel(over([], Shop), url, table=name)


def test_a_limit_of_the_database_is_not_an_outage(url: str) -> None:
    """With too many columns a service must not retry without end."""
    wide = plan(*(Rule(name=f"f{n}", op="count", events=("Set",)) for n in range(2100)))
    with pytest.raises(ReadModelError, match="columns") as caught:
        ReadModel(over([event(0, "a", "Set")], wide), url, table="t").refresh()
    assert not isinstance(caught.value, DatabaseError)


@pytest.mark.parametrize("taken", ["shops", "shops_history"])
def test_a_foreign_table_is_refused(url: str, tmp_path: Path, taken: str) -> None:
    """A table that this package did not create is neither written nor dropped."""
    sql(url, f"CREATE TABLE {taken} (entity TEXT PRIMARY KEY, precious TEXT)")
    sql(url, f"INSERT INTO {taken} VALUES ('a', 'b')")
    model = ReadModel(es.Timeline(shop_log(tmp_path), Shop), url, table="shops", history=True)
    for attempt in (model.refresh, model.rebuild):
        with pytest.raises(ReadModelError, match=f"a table '{taken}' that does not belong to this read model"):
            attempt()
    assert sql(url, f"SELECT * FROM {taken}") == [("a", "b")]


def test_a_table_with_other_columns_is_refused(url: str, tmp_path: Path) -> None:
    """A table that was dropped is created again; one with other columns is refused."""
    model = ReadModel(es.Timeline(shop_log(tmp_path), Shop), url, table="shops")
    model.refresh()
    sql(url, "DROP TABLE shops")
    assert model.refresh().rebuilt == "a table was missing"
    sql(url, "DROP TABLE shops")
    sql(url, "CREATE TABLE shops (precious TEXT)")
    with pytest.raises(ReadModelError, match="does not belong to this read model"):
        model.rebuild()


def test_privileges_survive_a_rebuild(postgresql: Server, tmp_path: Path) -> None:
    """Whoever may read the old table may read the new one."""
    url = postgresql.database()
    model = ReadModel(es.Timeline(shop_log(tmp_path), Shop), url, table='my"shops')
    model.refresh()
    sql(url, 'CREATE ROLE "an%alyst"')
    sql(url, 'GRANT SELECT ON "my""shops" TO "an%alyst" WITH GRANT OPTION')
    sql(url, 'GRANT SELECT, INSERT ON "my""shops" TO PUBLIC')
    query = """SELECT relacl::text FROM pg_class WHERE relname = 'my"shops'"""
    before = sql(url, query)
    model.rebuild()
    assert sql(url, query) == before


def test_views_survive_a_rebuild_in_sqlite(tmp_path: Path) -> None:
    """A view of the table shows the new table."""
    url, log = f"sqlite:///{tmp_path}/x.db", shop_log(tmp_path)
    model = ReadModel(es.Timeline(log, Shop), url, table="shops")
    model.refresh()
    sql(url, "CREATE VIEW names AS SELECT name FROM shops")
    log.append([event(300, "s1", "Opened", name="Late")])
    model.rebuild()
    assert ("Late",) in sql(url, "SELECT * FROM names")


def test_a_view_prevents_a_rebuild_in_postgresql(postgresql: Server, tmp_path: Path) -> None:
    """PostgreSQL drops no table that a view needs. The rebuild says so and changes nothing."""
    url, log = postgresql.database(), shop_log(tmp_path)
    model = ReadModel(es.Timeline(log, Shop), url, table="shops")
    model.refresh()
    sql(url, "CREATE VIEW names AS SELECT name FROM shops")
    with pytest.raises(ReadModelError, match="view names depends on table shops"):
        model.rebuild()
    log.append([event(300, "s1", "Opened", name="Late")])
    assert not model.refresh().rebuilt
    assert_equal(model, url)


@pytest.mark.hostile
@pytest.mark.parametrize("name", ["pg_class", "pg_new", "sqlite_master", "SQLITE_new"])
def test_names_of_the_system_are_refused(url: str, name: str) -> None:
    """A table of such a name would hide behind the system's own, or could not be made."""
    if name.lower().startswith("pg_") == url.startswith("sqlite"):
        ReadModel(over([event(0, "a", "Opened", name="A")], Shop), url, table=name).refresh()
        return
    with pytest.raises(ReadModelError, match=f"{name!r} cannot be a table in"):
        ReadModel(over([], Shop), url, table=name)


@pytest.mark.hostile
def test_columns_of_the_system_are_refused(postgresql: Server) -> None:
    """Every table of PostgreSQL has them already."""
    for name in ("ctid", "xmin", "tableoid"):
        with pytest.raises(ReadModelError, match=f"{name!r} cannot be a column in PostgreSQL"):
            ReadModel(over([], plan(latest(name))), postgresql.database())


@pytest.mark.hostile
def test_tables_of_other_schemas_are_not_seen(postgresql: Server) -> None:
    """A read model is in the schema in which the role creates tables; tables of that name elsewhere stay."""
    url = postgresql.database()
    events = [event(0, "a", "Opened", name="A"), event(1, "b", "Opened", name="B")]
    ReadModel(over(events[:1], Shop), url, table="t").refresh()
    sql(url, "CREATE TABLE lent (entity text)")
    sql(url, "CREATE SCHEMA own")
    sql(url, "ALTER ROLE postgres IN DATABASE " + url.rpartition("/")[2] + " SET search_path = own, public")
    for table in ("t", "lent"):
        model = ReadModel(over(events, Shop), url, table=table, history=True)
        assert model.lag().position is None
        model.refresh()
        model.rebuild()
        assert model.verify().is_empty()
    assert sql(url, "SELECT entity FROM own.t ORDER BY 1") == [("a",), ("b",)]
    assert sql(url, "SELECT entity FROM public.t") == [("a",)]
    assert sql(url, "SELECT count(*) FROM public.lent") == [(0,)]
    assert sql(url, "SELECT name FROM public.eventsource_readmodels") == [("t",)]
