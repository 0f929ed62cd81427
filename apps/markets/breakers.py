"""One breaker per exchange, shared by all of its feeds and books, and by all processes."""

from apps.core.breaker import Breaker


def breaker(exchange: str) -> Breaker:
    """The exchange's breaker: five failures in a row leave it alone for half a minute."""
    return Breaker(f"exchange:{exchange}", failures=5, open_seconds=30.0)
