"""Groups; decisions are about recipients: a person, or a group's endpoint."""

import uuid
from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F


def recipients_name(apps: Any, _schema_editor: Any) -> None:
    """Until now every recipient was a person."""
    apps.get_model("distribution", "Distribution").objects.update(recipient_id=F("user_id"))


class Migration(migrations.Migration):
    dependencies = [
        ("distribution", "0003_not_wanted"),
        ("notifications", "0002_endpoint_group"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Group",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=80)),
                ("kinds", models.JSONField(blank=True, default=list, help_text="only these kinds; empty: all")),
                (
                    "min_net_edge",
                    models.DecimalField(
                        blank=True,
                        decimal_places=8,
                        help_text="a fraction; of kinds that promise an edge",
                        max_digits=15,
                        null=True,
                    ),
                ),
                (
                    "min_strength",
                    models.FloatField(blank=True, help_text="from 0 to 1; of technical signals", null=True),
                ),
                ("active", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField()),
                (
                    "endpoint",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="notifications.endpoint"
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alert_groups",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"ordering": ("created_at", "id")},
        ),
        migrations.RemoveConstraint(model_name="distribution", name="distribution_once"),
        migrations.RemoveIndex(model_name="distribution", name="distribution_given"),
        migrations.AddField(
            model_name="distribution",
            name="recipient_id",
            field=models.UUIDField(null=True, help_text="the person's id, or that of a group's endpoint"),
        ),
        migrations.RunPython(recipients_name, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="distribution",
            name="recipient_id",
            field=models.UUIDField(help_text="the person's id, or that of a group's endpoint"),
        ),
        migrations.AddField(
            model_name="distribution",
            name="group",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="distributions",
                to="distribution.group",
            ),
        ),
        migrations.AlterField(
            model_name="distribution",
            name="reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("no_session", "No Session"),
                    ("no_endpoint", "No Endpoint"),
                    ("daily_quota", "Daily Quota"),
                    ("not_wanted", "Not Wanted"),
                    ("not_on_own_exchanges", "Not On Own Exchanges"),
                    ("below_minimum_edge", "Below Minimum"),
                    ("too_weak", "Too Weak"),
                    ("cooldown", "Cooldown"),
                    ("tier_delay", "Tier Delay"),
                    ("cycle_cap", "Cycle Cap"),
                    ("not_for_groups", "Not For Groups"),
                    ("no_place_left", "No Place Left"),
                    ("no_longer_active", "No Longer Active"),
                ],
                max_length=32,
            ),
        ),
        migrations.AddIndex(
            model_name="distribution",
            index=models.Index(fields=["state", "decided_at", "recipient_id"], name="distribution_given"),
        ),
        migrations.AddIndex(
            model_name="distribution",
            index=models.Index(fields=["user", "-decided_at"], name="distribution_of_user"),
        ),
        migrations.AddConstraint(
            model_name="distribution",
            constraint=models.UniqueConstraint(fields=("recipient_id", "opportunity_id"), name="distribution_once"),
        ),
    ]
