"""How long to wait before trying again."""

import random as _random
from collections.abc import Callable


def backoff(
    attempt: int, *, base: float = 1.0, cap: float = 300.0, random: Callable[[], float] = _random.random
) -> float:
    """Seconds to wait after failed attempt number `attempt` (from 1): random · min(cap, base · 2^(attempt-1)).

    Full jitter spreads a crowd that failed together (AWS Architecture Blog, "Exponential Backoff And Jitter")."""
    if attempt < 1:
        raise ValueError(f"attempts count from 1, not {attempt}")
    # 2.0**1024 overflows; far below that the cap has long been reached.
    return random() * min(cap, base * 2.0 ** min(attempt - 1, 60))
