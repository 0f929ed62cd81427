"""`python -m tests.bench.measure NAME`: one bench on the stores that the environment names (see `stand`)."""

import importlib
import json
import signal
import sys

import django

django.setup()

from django.core.management import call_command  # noqa: E402

from apps.core import redis  # noqa: E402

# Whoever is told to end ends the workers that it started.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
for client in (redis.state(), redis.cache()):
    client.flushdb()
call_command("migrate", verbosity=0)
for figure in importlib.import_module(f"tests.bench.{sys.argv[1]}").measure():
    print(json.dumps(figure), flush=True)
