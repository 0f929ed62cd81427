"""How often something may be tried that proves who one is."""

import logging
from collections.abc import Sequence

from apps.core import limits
from apps.core.exceptions import TemporaryError, ThrottledError
from apps.core.limits import Demand

logger = logging.getLogger(__name__)


def paced(demands: Sequence[Demand], words: str = "Too many tries; wait a little.") -> None:
    """Count a try; ThrottledError(code="too_many_attempts") where there were enough.

    With Redis away nobody is counted and everybody may try: operators have to get in then, passwords stay slow
    to guess, and no stranger can bring it about."""
    try:
        [wait_s] = limits.acquire([demands])
    except TemporaryError as error:
        logger.warning("Tries to sign in are not counted: %s", error)
        return
    if wait_s > 0:
        raise ThrottledError(words, retry_after=wait_s, code="too_many_attempts")


def forgotten(key: str) -> None:
    """It was the right person: earlier tries count no longer."""
    try:
        limits.forget(key)
    except TemporaryError as error:
        logger.warning("Earlier tries to sign in are still counted: %s", error)
