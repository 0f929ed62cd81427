"""The ASGI entry point that granian serves: the front, and Django's WSGI handler in threads behind it."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arbedge.settings")
_django = get_wsgi_application()

from django.conf import settings  # noqa: E402
from django.db import close_old_connections  # noqa: E402

from apps.core.front.application import Front  # noqa: E402
from apps.core.front.bridge import Bridge  # noqa: E402
from arbedge import front  # noqa: E402

application = Front(
    Bridge(_django, threads=settings.WEB_THREADS, waiting=settings.WEB_WAITING),
    repeats=Bridge(_django, threads=front.REPEAT_THREADS, waiting=settings.WEB_WAITING),
    routes=front.ROUTES,
    load=front.callers,
    streamer=front.streams(),
    close_thread=close_old_connections,
)
