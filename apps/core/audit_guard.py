"""Triggers that make the database itself refuse to change audit records, and to delete what no anchor covers.

On PostgreSQL TRUNCATE passes them, as it takes the table's owner; on SQLite a later migration that rebuilds the table
(an altered field) drops them and has to `install` them again."""

from typing import Final

from django.db.backends.base.base import BaseDatabaseWrapper

_KEPT: Final = ("id", "at", "actor_id", "action", "target", "changes", "address", "agent", "request_id")
_SAME: Final = " AND ".join(f"OLD.{name} IS NEW.{name}" for name in _KEPT)
_COVERED: Final = "OLD.position <= (SELECT max(position) FROM core_auditanchor)"
_WORDS: Final = "audit records are append-only"

_SQLITE: Final = (
    # Joining the chain is the one change there is.
    f"""CREATE TRIGGER core_auditrecord_changed BEFORE UPDATE ON core_auditrecord
        WHEN NOT (OLD.position IS NULL AND NEW.position IS NOT NULL AND {_SAME})
        BEGIN SELECT RAISE(ABORT, '{_WORDS}'); END""",
    f"""CREATE TRIGGER core_auditrecord_deleted BEFORE DELETE ON core_auditrecord
        WHEN ({_COVERED}) IS NOT TRUE
        BEGIN SELECT RAISE(ABORT, '{_WORDS}'); END""",
    f"""CREATE TRIGGER core_auditanchor_changed BEFORE UPDATE ON core_auditanchor
        BEGIN SELECT RAISE(ABORT, '{_WORDS}'); END""",
    f"""CREATE TRIGGER core_auditanchor_deleted BEFORE DELETE ON core_auditanchor
        BEGIN SELECT RAISE(ABORT, '{_WORDS}'); END""",
)
_POSTGRESQL: Final = (
    f"""CREATE FUNCTION core_audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_TABLE_NAME = 'core_auditrecord' THEN
            IF TG_OP = 'DELETE' THEN
                IF {_COVERED} THEN RETURN OLD; END IF;
            ELSIF OLD.position IS NULL AND NEW.position IS NOT NULL
                AND to_jsonb(OLD) - 'position' - 'digest' = to_jsonb(NEW) - 'position' - 'digest' THEN
                RETURN NEW;
            END IF;
        END IF;
        RAISE EXCEPTION '{_WORDS}';
    END $$""",
    """CREATE TRIGGER core_auditrecord_guard BEFORE UPDATE OR DELETE ON core_auditrecord
        FOR EACH ROW EXECUTE FUNCTION core_audit_guard()""",
    """CREATE TRIGGER core_auditanchor_guard BEFORE UPDATE OR DELETE ON core_auditanchor
        FOR EACH ROW EXECUTE FUNCTION core_audit_guard()""",
)
_INSTALL: Final = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}
_REMOVE: Final = {
    "sqlite": tuple(
        f"DROP TRIGGER IF EXISTS core_{table}_{what}"
        for table in ("auditrecord", "auditanchor")
        for what in ("changed", "deleted")
    ),
    "postgresql": ("DROP FUNCTION IF EXISTS core_audit_guard() CASCADE",),
}


def install(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers up, anew where there are some; other databases than these two have none."""
    remove(connection)
    _run(connection, _INSTALL.get(connection.vendor, ()))


def remove(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers down."""
    _run(connection, _REMOVE.get(connection.vendor, ()))


def _run(connection: BaseDatabaseWrapper, statements: tuple[str, ...]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
