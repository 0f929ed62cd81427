"""The admin as a whole: its first page and the badge that says where the data comes from."""

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest

admin.site.index_title = "Operations"
admin.site.index_template = "monitoring/admin_index.html"

_BADGES = {"live": "success", "sandbox": "warning", "replay": "warning"}


def environment(_request: HttpRequest) -> list[str]:
    """Words and colour of the badge on every page (the theme's setting `ENVIRONMENT`)."""
    return [settings.ORIGIN.upper(), _BADGES[settings.ORIGIN]]
