"""The settings as the type checker loads them: no secret of the environment is needed to check types."""

import os

os.environ.setdefault("DEVELOPMENT", "true")

from arbedge.settings import *  # noqa: F403
