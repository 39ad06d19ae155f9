"""The table of the store, and its second one, which says which store it is.

================ ============================ ======================= ==========================================
column           PostgreSQL                   SQLite                  meaning
================ ============================ ======================= ==========================================
position         bigint, identity, key        INTEGER, key            number of the event in the store
transaction      xid8                                                 the transaction that appended it
event_id         text, unique                 TEXT, unique            a repeated append is found by it
stream, version  text, bigint, unique         TEXT, INTEGER, unique   optimistic concurrency; `read`, `streams`
type             text                         TEXT
occurred_at      timestamptz                  TEXT                    valid time
recorded_at      timestamptz                  TEXT                    when the database took it
data             json                         TEXT                    the payload, verbatim
metadata         json, nullable               TEXT, nullable
================ ============================ ======================= ==========================================

Times of SQLite are ISO 8601 in UTC with six digits of a second, so that they sort as texts. `read_all` on
PostgreSQL reads by (transaction, position), which has an index. Triggers refuse UPDATE, DELETE and TRUNCATE.
"""

from typing import Final

__all__ = ["POSTGRESQL", "SQLITE", "statements"]

POSTGRESQL: Final = """
CREATE TABLE IF NOT EXISTS {table} (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
    event_id text NOT NULL,
    stream text NOT NULL,
    version bigint NOT NULL,
    type text NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    data json NOT NULL,
    metadata json,
    CONSTRAINT {name}_event_id UNIQUE (event_id),
    CONSTRAINT {name}_version UNIQUE (stream, version)
);
CREATE INDEX IF NOT EXISTS {name}_order ON {table} (transaction, position);
CREATE TABLE IF NOT EXISTS {about} (id text PRIMARY KEY, cluster text NOT NULL);
INSERT INTO {about} SELECT gen_random_uuid()::text, system_identifier::text FROM pg_control_system()
    WHERE NOT EXISTS (SELECT FROM {about});
CREATE OR REPLACE FUNCTION {refuse}() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'events are only appended: %% is refused', TG_OP; END $$;
CREATE OR REPLACE TRIGGER {name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION {refuse}()
"""

SQLITE: Final = """
CREATE TABLE IF NOT EXISTS {table} (
    position INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL UNIQUE,
    stream TEXT NOT NULL,
    version INTEGER NOT NULL,
    type TEXT NOT NULL,
    occurred_at TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    data TEXT NOT NULL,
    metadata TEXT,
    UNIQUE (stream, version)
);
CREATE TABLE IF NOT EXISTS {about} (id TEXT PRIMARY KEY, cluster TEXT NOT NULL);
INSERT INTO {about} SELECT lower(hex(randomblob(16))), '' WHERE NOT EXISTS (SELECT 1 FROM {about});
CREATE TRIGGER IF NOT EXISTS {name}_no_update BEFORE UPDATE ON {table}
    BEGIN SELECT RAISE(ABORT, 'events are only appended: UPDATE is refused'); END;
CREATE TRIGGER IF NOT EXISTS {name}_no_delete BEFORE DELETE ON {table}
    BEGIN SELECT RAISE(ABORT, 'events are only appended: DELETE is refused'); END
"""


def statements(schema: str, table: str) -> list[str]:
    """Return the statements of a schema for a table; its name must be an identifier."""
    names = {"table": table, "name": table, "about": f"{table}_store", "refuse": f"{table}_refuse"}
    return [each.strip() for each in schema.format(**names).split(";\n") if each.strip()]
