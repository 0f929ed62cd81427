"""An opportunity in words and rounded figures, for messages."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.conf import settings

from apps.opportunities.enums import Origin, Side
from apps.opportunities.legs import plain
from apps.opportunities.models import Opportunity
from apps.opportunities.types import AlertFacts, AlertLeg

CAUTION = (
    "Not risk-free and not advice: prices, depth and funding can change before both legs are filled, "
    "and an exchange can fail."
)
_ORIGIN_WORDS = {
    Origin.LIVE: "live market data",
    Origin.SANDBOX: "sandbox: invented market data, not real",
    Origin.REPLAY: "replay: recorded market data of the past, not current",
}


def alert_facts(opportunity: Opportunity, *, now: datetime) -> AlertFacts:
    """The facts of one opportunity at `now`; percentages and money as text, ready to be shown."""
    legs = [_leg(leg) for leg in opportunity.legs]
    since = opportunity.activated_at or opportunity.opened_at
    return AlertFacts(
        id=str(opportunity.pk),
        kind=opportunity.kind,
        kind_label=opportunity.get_kind_display(),
        symbol=opportunity.symbol,
        instrument=opportunity.instrument,
        quote=opportunity.quote,
        status=opportunity.status,
        legs=legs,
        legs_text=", ".join(leg["words"] for leg in legs),
        gross_edge_percent=_percent(opportunity.gross_edge),
        net_edge_percent=_percent(opportunity.net_edge),
        net_apr_percent=None if opportunity.net_apr is None else _percent(opportunity.net_apr, places=1),
        size=_money(opportunity.size),
        max_notional=_money(opportunity.max_notional),
        profit=f"{plain(_significant(opportunity.profit, 4))} {opportunity.quote}",
        break_even_hours=_hours(opportunity.details.get("break_even_hours")),
        risk=opportunity.risk,
        confidence=opportunity.confidence,
        age_s=max(0, int((now - since).total_seconds())),
        origin=opportunity.origin,
        origin_words=_ORIGIN_WORDS[Origin(opportunity.origin)],
        opened_at=_iso(opportunity.opened_at),
        expires_at=_iso(opportunity.expires_at),
        url=f"{settings.PUBLIC_URL}/api/v1/opportunities/{opportunity.pk}",
        caution=CAUTION,
    )


def _leg(facts: Mapping[str, Any]) -> AlertLeg:
    price = _grouped(_significant(Decimal(facts["price"]), 8))
    # A row that is not priced yet has prices but no amounts.
    amount = None if facts["amount"] is None else plain(_significant(Decimal(facts["amount"]), 8))
    base = facts["symbol"].split("/")[0]
    what = base if amount is None else f"{amount} {base}"
    verb = "buy" if facts["side"] == Side.BUY else "sell"
    funding = None if facts["rate"] is None else _percent(Decimal(facts["rate"]), places=4)
    perpetual = "" if funding is None else " perpetual"
    return AlertLeg(
        exchange=facts["exchange"],
        symbol=facts["symbol"],
        side=facts["side"],
        amount=amount or "",
        base=base,
        price=price,
        fee_percent=_percent(Decimal(facts["fee"])),
        funding_percent=funding,
        words=f"{verb} {what}{perpetual} on {facts['exchange']} at {price}",
    )


def _percent(fraction: Decimal, *, places: int = 3) -> str:
    return f"{fraction * 100:.{places}f}"


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"


def _hours(value: str | None) -> str | None:
    return None if value is None else f"{Decimal(value):.1f}"


def _significant(value: Decimal, digits: int) -> Decimal:
    """Rounded to so many digits, but never before the decimal point."""
    places = max(2, digits - 1 - value.adjusted()) if value else 2
    return round(value, places)


def _grouped(value: Decimal) -> str:
    """With thousands separators and at least two decimals: 64,000.10."""
    whole, _, decimals = f"{value:,f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
