"""What operators know of names: written here, and applied by a sync that is rung at once."""

from collections.abc import Iterable
from typing import TypeAlias

from django.db import transaction

from apps.markets.models import DeniedBase, InstrumentAlias
from apps.markets.services.changes import sync_ring

NameRule: TypeAlias = InstrumentAlias | DeniedBase


def name_rule_save(*, rule: NameRule) -> None:
    """Write a new or changed alias or denial, and ring the sync of the exchanges it is about, before and now.

    Raises ValidationError for a second rule about the same name."""
    rule.full_clean()
    with transaction.atomic():
        before = type(rule).objects.filter(pk=rule.pk).values_list("exchange", flat=True).first() if rule.pk else None
        was_there = rule.pk is not None
        rule.save()
        for exchange in {rule.exchange_id, before} if was_there else {rule.exchange_id}:
            sync_ring(exchange=exchange)


def name_rules_delete(*, rules: Iterable[NameRule]) -> None:
    """Delete these rules, and ring the sync of the exchanges they were about."""
    gone = list(rules)
    with transaction.atomic():
        for rule in gone:
            rule.delete()
        for exchange in {rule.exchange_id for rule in gone}:
            sync_ring(exchange=exchange)
