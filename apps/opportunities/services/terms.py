"""The settings of this room as the frozen values that strategies and pricing take."""

from decimal import Decimal

from django.conf import settings

from apps.core.money import to_decimal
from apps.opportunities.pricing import PricingTerms
from apps.opportunities.strategies.base import EdgeTerms, ScanParams


def scan_params() -> ScanParams:
    """What a scan is limited to."""
    return ScanParams(
        horizon_h=float(settings.HORIZON_H),
        min_net_edge=float(settings.MIN_NET_EDGE),
        max_skew_ms=settings.MAX_SKEW_S * 1000,
        max_price_ratio=float(settings.MAX_PRICE_RATIO),
    )


def pricing_terms(*, dollar_rate: Decimal, now_ms: int) -> PricingTerms:
    """What a price is for; `dollar_rate` is dollars per unit of the quote currency."""
    return PricingTerms(
        edge=EdgeTerms(horizon_h=to_decimal(settings.HORIZON_H), at_ms=now_ms),
        reference_notional=to_decimal(settings.REFERENCE_NOTIONAL),
        dollar_rate=dollar_rate,
        min_net_edge=to_decimal(settings.MIN_NET_EDGE),
        max_skew_ms=round(settings.MAX_SKEW_S * 1000),
        max_price_ratio=to_decimal(settings.MAX_PRICE_RATIO),
    )
