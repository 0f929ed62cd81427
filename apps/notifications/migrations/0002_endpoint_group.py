"""Groups are known as such; those that were given as private addresses are on nobody's route from now on."""

from typing import Any

from django.db import migrations, models
from django.db.models import Q


def groups_mark(apps: Any, _schema_editor: Any) -> None:
    """Telegram's groups and channels have negative ids or @names."""
    endpoints = apps.get_model("notifications", "Endpoint").objects.filter(channel="telegram")
    endpoints.filter(Q(address__startswith="-") | Q(address__startswith="@")).update(group=True)


class Migration(migrations.Migration):
    dependencies = [
        ("notifications", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="endpoint",
            name="group",
            field=models.BooleanField(
                default=False,
                help_text="Many people read there: it is on no route and gets only what is meant for the group.",
            ),
        ),
        migrations.RunPython(groups_mark, migrations.RunPython.noop),
    ]
