"""What the documents promise is there."""

import re
from pathlib import Path

from django.conf import settings

from apps.markets.exchanges import registry
from apps.notifications.channels.apprise_wire import SERVICES

DOCS = Path(settings.BASE_DIR)


def test_every_first_class_exchange_has_a_row() -> None:
    text = (DOCS / "docs" / "markets.md").read_text()
    rows = re.findall(r"^\| ([a-z]+) \|", text, re.MULTILINE)
    assert sorted(set(rows) - {"exchange"}) == sorted(registry.EXCHANGES.names())


def test_every_setting_of_the_environment_is_in_the_readme() -> None:
    source = (DOCS / "arbedge" / "settings.py").read_text()
    names = set(re.findall(r'env\.[a-z]+\(\s*"([A-Z_]+)"', source))
    readme = (DOCS / "README.md").read_text()
    assert {name for name in names if f"`{name}`" not in readme} == set()


def test_every_service_of_the_custom_channel_has_a_row() -> None:
    text = (DOCS / "docs" / "push-and-sms.md").read_text()
    rows = re.findall(r"^\| `([a-z0-9]+)://` \| (.+) \|$", text, re.MULTILINE)
    assert dict(rows) == {schema: service.title for schema, service in SERVICES.items()}
