"""Fees that an operator knows better than the exchange's public word."""

from decimal import Decimal

from django.db import transaction
from django.db.models import F

from apps.markets.models import Exchange, Market


def market_fee_set(*, market_id: int, override: Decimal | None, unknown: bool) -> None:
    """Let `override` (a fraction in [0, 1); None: the exchange's word) count as the taker fee, or none at all.

    Snapshots made before are refused from now on. Raises Market.DoesNotExist, or ValidationError for no fraction."""
    with transaction.atomic():
        market = Market.objects.select_for_update().get(id=market_id)
        market.taker_fee_override = override
        market.fee_unknown = unknown
        market.full_clean()
        market.save(update_fields=["taker_fee_override", "fee_unknown"])
        Exchange.objects.filter(id=market.exchange_id).update(market_version=F("market_version") + 1)
