"""The database refuses to change audit records. A migration of its own: PostgreSQL makes no trigger on a table whose rows
the same transaction has just written with deferred checks pending."""

from typing import Any

from django.db import migrations

from apps.core import audit_guard


def install(_: Any, schema_editor: Any) -> None:
    """Put the triggers up."""
    audit_guard.install(schema_editor.connection)


def remove(_: Any, schema_editor: Any) -> None:
    """Take them down."""
    audit_guard.remove(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("core", "0002_audit_chain")]

    operations = [migrations.RunPython(install, remove)]
