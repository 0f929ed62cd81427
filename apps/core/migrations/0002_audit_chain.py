"""Audit records get a chain: those that exist join it in their order."""

from typing import Any

from django.db import migrations, models

from apps.core.audit_chain import GENESIS, digest_of


def chain(apps: Any, _: Any) -> None:
    """Give every record its position and digest."""
    records, digest = apps.get_model("core", "AuditRecord")._base_manager, GENESIS
    for position, row in enumerate(records.order_by("pk").iterator(chunk_size=1000), 1):
        digest = digest_of(row, position=position, previous=digest)
        records.filter(pk=row.pk).update(position=position, digest=digest)


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="AuditAnchor",
            fields=[
                ("position", models.PositiveBigIntegerField(primary_key=True, serialize=False)),
                ("digest", models.CharField(max_length=64)),
                ("made_at", models.DateTimeField()),
            ],
            options={"ordering": ["-position"]},
        ),
        migrations.AddField(
            model_name="auditrecord",
            name="agent",
            field=models.CharField(blank=True, default="", max_length=200),
        ),
        migrations.AddField(
            model_name="auditrecord",
            name="digest",
            field=models.CharField(blank=True, default="", editable=False, max_length=64),
        ),
        migrations.AddField(
            model_name="auditrecord",
            name="position",
            field=models.PositiveBigIntegerField(blank=True, editable=False, null=True, unique=True),
        ),
        migrations.AddIndex(
            model_name="auditrecord",
            index=models.Index(
                condition=models.Q(("position__isnull", True)), fields=["id"], name="core_audit_waiting"
            ),
        ),
        migrations.RunPython(chain, migrations.RunPython.noop, elidable=True),
    ]
