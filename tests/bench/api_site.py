"""The site that `api_list` loads: ours, with the control beside it on the same server."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arbedge.settings")

from django.conf import settings

settings.ROOT_URLCONF = "tests.bench.api_site_urls"

from arbedge.asgi import application  # noqa: E402

__all__ = ["application"]
