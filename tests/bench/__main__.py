"""`python -m tests.bench [NAME …]`."""

import sys

import django

import tests.bed  # noqa: F401  (the stores and the environment, before Django's settings)

django.setup()

from tests import bench, runner  # noqa: E402

sys.exit(runner.run(bench, sys.argv[1:]))
