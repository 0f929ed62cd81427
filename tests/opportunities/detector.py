"""`python -m tests.opportunities.detector MOMENT`: a process of its own that waits for a line, then scans as at that
moment, and prints how many opportunities it opened."""

import sys
from datetime import datetime

import django

django.setup()

from apps.opportunities import services  # noqa: E402

if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.readline()
    print(services.detect(now=datetime.fromisoformat(sys.argv[1])).opened, flush=True)
