"""Fees that an operator knows better than the exchange's public word."""

from decimal import Decimal

from django.db import transaction
from django.db.models import F

from apps.markets.models import Exchange, Market


def market_fee_override(*, market_id: int, taker_fee: Decimal | None) -> None:
    """Let this taker fee (a fraction in [0, 1); None: the exchange's word again) count from the next poll on.

    Raises Market.DoesNotExist, or ValidationError for a fee that is no fraction."""
    with transaction.atomic():
        market = Market.objects.select_for_update().get(id=market_id)
        market.taker_fee_override = taker_fee
        market.full_clean()
        market.save(update_fields=["taker_fee_override"])
        Exchange.objects.filter(id=market.exchange_id).update(market_version=F("market_version") + 1)
