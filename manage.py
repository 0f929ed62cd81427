#!/usr/bin/env python
"""Django's command line."""

import gc
import os
import sys

from django.core.management import execute_from_command_line

# They read files and write a file: there is nothing to keep secret, and nobody to serve.
NEED_NO_SECRETS = {"replay"}

if __name__ == "__main__":
    # What modules make while they load is no garbage, and looking for some takes a quarter of the time of a short
    # command. `ArbedgeConfig.ready` goes on with it.
    gc.disable()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arbedge.settings")
    if NEED_NO_SECRETS.intersection(sys.argv[1:2]) and "SECRET_KEY" not in os.environ:
        os.environ.setdefault("DEVELOPMENT", "true")
    execute_from_command_line(sys.argv)
