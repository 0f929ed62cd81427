"""The ASGI entry point that granian serves: the front, and Django's WSGI handler in threads behind it."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arbedge.settings")
_django = get_wsgi_application()

from django.conf import settings  # noqa: E402
from django.db import close_old_connections  # noqa: E402

from apps.core.front.application import Front  # noqa: E402
from apps.core.front.bridge import Bridge  # noqa: E402
from arbedge import front  # noqa: E402

# What is loaded by now stays, and need not be looked through for garbage: with thousands of requests waiting, that
# pauses everybody for a tenth of a second each time.
gc.collect()
gc.freeze()
gc.set_threshold(50_000, 20, 50)
application = Front(
    Bridge(_django, threads=settings.WEB_THREADS, waiting=settings.WEB_WAITING),
    repeats=Bridge(_django, threads=front.REPEAT_THREADS, waiting=settings.WEB_WAITING),
    routes=front.ROUTES,
    load=front.callers,
    touch=front.touch,
    streamer=front.streams(),
    close_thread=close_old_connections,
)
