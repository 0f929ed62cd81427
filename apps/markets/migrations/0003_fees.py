"""Fees that operators set on markets become rules."""

from typing import Any

from django.db import migrations, models
from django.db.models import Q


def overrides_to_rules(apps: Any, _: Any) -> None:
    """What an operator said of one market's fee, as a rule about that market."""
    Market, FeeRule = apps.get_model("markets", "Market"), apps.get_model("markets", "FeeRule")  # noqa: N806
    FeeRule.objects.bulk_create(
        FeeRule(
            exchange_id=market.exchange_id,
            market=market,
            taker=None if market.fee_unknown else market.taker_fee_override or None,
            fee_free=not market.fee_unknown and market.taker_fee_override == 0,
        )
        for market in Market.objects.filter(Q(fee_unknown=True) | Q(taker_fee_override__isnull=False))
    )


def rules_to_overrides(apps: Any, _: Any) -> None:
    """Back again; rules about tiers, types and whole exchanges have no place there and go."""
    Market, FeeRule = apps.get_model("markets", "Market"), apps.get_model("markets", "FeeRule")  # noqa: N806
    for rule in FeeRule.objects.filter(market__isnull=False, tier=""):
        fee = 0 if rule.fee_free else rule.taker
        Market.objects.filter(id=rule.market_id).update(taker_fee_override=fee, fee_unknown=fee is None)
    FeeRule.objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [
        ("markets", "0002_depth"),
    ]

    operations = [
        migrations.AddField(
            model_name="market",
            name="maker_fee",
            field=models.DecimalField(
                blank=True, decimal_places=8, help_text="likewise; negative = a rebate", max_digits=10, null=True
            ),
        ),
        migrations.AddConstraint(
            model_name="feerule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("maker__isnull", True), models.Q(("maker__gt", -1), ("maker__lt", 1)), _connector="OR"
                ),
                name="fee_rule_maker_fraction",
            ),
        ),
        migrations.RunPython(overrides_to_rules, rules_to_overrides),
        migrations.RemoveConstraint(
            model_name="market",
            name="market_fee_override_fraction",
        ),
        migrations.RemoveField(
            model_name="market",
            name="fee_unknown",
        ),
        migrations.RemoveField(
            model_name="market",
            name="taker_fee_override",
        ),
    ]
