"""`python -m tests.chaos [NAME …]`."""

import sys

from tests import chaos, runner

sys.exit(runner.run(chaos, sys.argv[1:]))
