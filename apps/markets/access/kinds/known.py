"""Do we know what is asked about? Nobody is rung for what we don't."""

from django.conf import settings

from apps.core.exceptions import PermanentError
from apps.markets.models import Exchange, Market


def exchange_known(exchange: str) -> Exchange:
    """The row of a configured exchange that is switched on; raises PermanentError(code="not_found")."""
    row = Exchange.objects.filter(id=exchange, enabled=True).first() if exchange in settings.EXCHANGES else None
    if row is None:
        raise PermanentError(f"No exchange {exchange!r} is read here.", code="not_found")
    return row


def market_known(market_id: int) -> Market:
    """The row of an active market of such an exchange, with its exchange; raises PermanentError(code="not_found")."""
    rows = Market.objects.select_related("exchange").filter(
        id=market_id, active=True, exchange__enabled=True, exchange__in=settings.EXCHANGES
    )
    market = rows.first()
    if market is None:
        raise PermanentError(f"No active market {market_id} of an exchange that is read here.", code="not_found")
    return market
