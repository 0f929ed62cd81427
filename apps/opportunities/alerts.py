"""An opportunity in words and rounded figures, for messages."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypedDict

from django.conf import settings

from apps.opportunities.enums import Origin, Side
from apps.opportunities.legs import plain
from apps.opportunities.models import Opportunity
from apps.opportunities.types import AlertFacts, AlertLeg

CAUTION = (
    "Not risk-free and not advice: prices, depth and funding can change before all legs are filled, "
    "and an exchange can fail."
)
SIGNAL_CAUTION = (
    "A signal of indicators on past prices: no edge, no promise and no advice. A position taken on it can lose."
)
ORIGIN_WORDS = {
    Origin.LIVE: "live market data",
    Origin.SANDBOX: "sandbox: invented market data, not real",
    Origin.REPLAY: "replay: recorded market data of the past, not current",
}


def alert_facts(opportunity: Opportunity, *, now: datetime) -> AlertFacts:
    """The facts of one opportunity at `now`; percentages and money as text, ready to be shown."""
    legs = [_leg(leg, opportunity.quote) for leg in opportunity.legs]
    since = opportunity.activated_at or opportunity.opened_at
    return AlertFacts(
        id=str(opportunity.pk),
        kind=opportunity.kind,
        kind_label=opportunity.get_kind_display(),
        symbol=_title(opportunity),
        instrument=opportunity.instrument,
        quote=opportunity.quote,
        status=opportunity.status,
        legs=legs,
        legs_text=", ".join(leg["words"] for leg in legs),
        gross_edge_percent=_percent_or_none(opportunity.gross_edge),
        net_edge_percent=_percent_or_none(opportunity.net_edge),
        net_apr_percent=_percent_or_none(opportunity.net_apr, places=1),
        net_if_converged_percent=_percent_or_none(net_if_converged(opportunity)),
        size=_money(opportunity.size),
        max_notional=_money(opportunity.max_notional),
        profit=f"{plain(_significant(opportunity.profit, 4))} {opportunity.quote}",
        break_even_hours=_hours(opportunity.details.get("break_even_hours")),
        risk=opportunity.risk,
        risk_words=_worst(opportunity.details.get("risk")),
        confidence=opportunity.confidence,
        age_s=max(0, int((now - since).total_seconds())),
        origin=opportunity.origin,
        origin_words=ORIGIN_WORDS[Origin(opportunity.origin)],
        opened_at=_iso(opportunity.opened_at),
        expires_at=_iso(opportunity.expires_at),
        url=f"{settings.PUBLIC_URL}/api/v1/opportunities/{opportunity.pk}",
        caution=CAUTION if opportunity.strength is None else SIGNAL_CAUTION,
        **_signal(opportunity),
    )


def net_if_converged(opportunity: Opportunity) -> Decimal | None:
    """What is left, as a fraction, if a coin and its perpetual have one price when the horizon is over; None for kinds
    that don't count on it."""
    value = opportunity.details.get("net_if_converged")
    return None if value is None else Decimal(value)


def _title(opportunity: Opportunity) -> str:
    """What it is about: the symbol, or the way around where it goes through more than two markets."""
    if len(opportunity.legs) <= 2:
        return opportunity.symbol
    held, stops = opportunity.quote, [opportunity.quote]
    for leg in opportunity.legs:
        base, _, quote = leg["symbol"].partition("/")
        held = quote if held == base else base
        stops.append(held)
    return " → ".join(stops)


def _worst(findings: Sequence[Mapping[str, str]] | None) -> str:
    """The first reason for the risk, which is the worst; "" where nothing was found."""
    return findings[0]["words"] if findings else ""


def _leg(facts: Mapping[str, Any], quote: str) -> AlertLeg:
    price = _grouped(_significant(Decimal(facts["price"]), 8))
    # A row that is not priced yet has prices but no amounts.
    amount = None if facts["amount"] is None else plain(_significant(Decimal(facts["amount"]), 8))
    base, _, rest = facts["symbol"].partition("/")
    own = rest.partition(":")[0]
    # A leg in another currency than the opportunity's figures says so.
    currency = "" if own in ("", quote) else f" {own}"
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
        words=f"{verb} {what}{perpetual} on {facts['exchange']} at {price}{currency}",
    )


class _SignalFacts(TypedDict):
    signal_strength_percent: str | None
    signal_rule: str | None
    signal_timeframes: str | None
    signal_stop: str | None
    signal_target: str | None


def _signal(opportunity: Opportunity) -> _SignalFacts:
    """What only signals have."""
    details, strength = opportunity.details, opportunity.strength
    if strength is None:
        return _SignalFacts(
            signal_strength_percent=None, signal_rule=None, signal_timeframes=None, signal_stop=None, signal_target=None
        )
    return _SignalFacts(
        signal_strength_percent=f"{strength * 100:.0f}",
        signal_rule=details["rule"]["name"],
        signal_timeframes=", ".join(details["bars"]),
        signal_stop=_price(details["stop"]),
        signal_target=_price(details["target"]),
    )


def _price(text: str | None) -> str | None:
    return None if text is None else _grouped(_significant(Decimal(text), 8))


def _percent_or_none(fraction: Decimal | None, *, places: int = 3) -> str | None:
    return None if fraction is None else _percent(fraction, places=places)


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
