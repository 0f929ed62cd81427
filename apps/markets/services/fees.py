"""Fees that an operator knows better than the exchange's public word."""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import F

from apps.markets.models import Exchange, FeeRule


def fee_rule_save(*, rule: FeeRule) -> FeeRule:
    """Write a new or changed rule; it counts at once: snapshots made before are refused.

    Raises ValidationError for fees that are no fractions, a market of another exchange, or a second rule about the
    same."""
    rule.full_clean()
    with transaction.atomic():
        before = FeeRule.objects.filter(id=rule.id).values_list("exchange", flat=True) if rule.id else ()
        exchanges = {*before, rule.exchange_id}
        rule.save()
        _markets_changed(exchanges)
    return rule


def fee_rules_delete(*, rules: Iterable[FeeRule]) -> None:
    """Delete these rules: what is left of them, or the exchange's word, counts at once."""
    gone = list(rules)
    with transaction.atomic():
        FeeRule.objects.filter(id__in=[rule.id for rule in gone]).delete()
        _markets_changed({rule.exchange_id for rule in gone})


def _markets_changed(exchanges: Iterable[str]) -> None:
    Exchange.objects.filter(id__in=exchanges).update(market_version=F("market_version") + 1)
