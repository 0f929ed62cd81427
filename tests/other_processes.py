"""Processes beside the test's own, on its database and its stores."""

import os
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection


def environment(**more: str) -> dict[str, str]:
    """What another process needs to work on what this test works on."""
    stores = {"DATABASE_URL": database_of_the_test(), "EXCHANGES": ",".join(settings.EXCHANGES)}
    return os.environ | stores | more


def database_of_the_test() -> str:
    """The address of the database that this test uses, for another process."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
