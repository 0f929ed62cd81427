"""Rules of technical signals: people's own, and the shipped ones."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction

from apps.core import config
from apps.opportunities.exceptions import RuleNotFound, RulesFull
from apps.opportunities.models import TechnicalRule
from apps.opportunities.technical.conditions import conditions_parse
from apps.opportunities.technical.shipped import SHIPPED

if TYPE_CHECKING:
    from apps.accounts.models import User


def rule_create(*, user: "User", wishes: Mapping[str, Any], now: datetime) -> TechnicalRule:
    """Store a rule of `user` (fields checked by the caller, conditions here).

    Raises ConditionsInvalid, and RulesFull where they have as many as anybody may have."""
    conditions_parse(wishes["conditions"])
    most: int = config.get("opportunities.rules_per_user")
    with transaction.atomic():
        # Two requests at once count one after the other: the person's row is the lock.
        type(user).objects.select_for_update().get(pk=user.pk)
        if TechnicalRule.objects.filter(owner=user).count() >= most:
            raise RulesFull(f"You have {most} rules, as many as there can be. Change or delete one of them.")
        return TechnicalRule.objects.create(owner=user, created_at=now, updated_at=now, **wishes)


def rule_change(*, user: "User", rule_id: UUID, wishes: Mapping[str, Any], now: datetime) -> TechnicalRule:
    """Change the named fields of a rule of `user`; its open signals are judged anew by the next run.

    Raises RuleNotFound (also for somebody else's) and ConditionsInvalid."""
    if "conditions" in wishes:
        conditions_parse(wishes["conditions"])
    with transaction.atomic():
        rule = TechnicalRule.objects.select_for_update().filter(owner=user, pk=rule_id).first()
        if rule is None:
            raise RuleNotFound("There is no such rule.")
        for name, value in wishes.items():
            setattr(rule, name, value)
        rule.updated_at = now
        rule.save(update_fields=[*wishes, "updated_at"])
        return rule


def rule_delete(*, user: "User", rule_id: UUID) -> None:
    """Delete a rule of `user`; the next run ends its open signals. Raises RuleNotFound (also for somebody else's)."""
    deleted, _ = TechnicalRule.objects.filter(owner=user, pk=rule_id).delete()
    if not deleted:
        raise RuleNotFound("There is no such rule.")


def rule_save(*, rule: TechnicalRule, now: datetime) -> None:
    """Store what an operator made of a rule (checked by the caller); the next run judges it anew."""
    rule.updated_at = now
    rule.created_at = rule.created_at or now
    rule.save()


def rules_seed(*, now: datetime) -> list[TechnicalRule]:
    """Store each shipped rule that is missing; what operators made of one is never touched."""
    there = set(TechnicalRule.objects.filter(shipped__isnull=False).values_list("shipped", flat=True))
    return [
        TechnicalRule.objects.create(
            shipped=one.slug,
            name=one.name,
            side=one.side.value,
            conditions=dict(one.conditions),
            created_at=now,
            updated_at=now,
        )
        for one in SHIPPED
        if one.slug not in there
    ]
