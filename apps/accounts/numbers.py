"""Numbers of coming in and of subscriptions, as runtime configuration."""

from decimal import Decimal

from apps.accounts.enums import Tier
from apps.core import config


def declare_numbers() -> None:
    """Make them known, with their defaults."""
    config.declare("registration.open", bool, True, help="Whether anybody can register at all.")
    config.declare("registration.invited_only", bool, True, help="Whether registering needs an invitation.")
    config.declare("beta.tier", str, "premium", choices=tuple(Tier.values), help="What beta invitations give.")
    config.declare("beta.days", int, 180, min=1, max=3650, help="For how many days beta invitations give it.")
    config.declare("subscription.grace_days", int, 3, min=0, max=90, help="Days that a paid tier outlives its end.")
    config.declare(
        "subscription.notice_days", int, 7, min=1, max=90, help="Days before its end that somebody is told of it."
    )
    config.declare("referral.bonus_referred", int, 100, min=0, help="Points for bringing somebody.")
    config.declare("referral.bonus_welcome", int, 50, min=0, help="Points for coming by a referral.")
    config.declare("referral.bonus_paid", int, 500, min=0, help="Points when somebody who was brought first pays.")
    config.declare("referral.claim_days", int, 30, min=0, help="Days after joining in which a referral can be named.")
    config.declare(
        "affiliate.share",
        Decimal,
        Decimal("0.1"),
        min=Decimal(0),
        max=Decimal("0.5"),
        help="Fraction of payments that an affiliate gets unless an operator sets another.",
    )
    config.declare("exchange_key.per_user", int, 20, min=0, max=200, help="Exchange keys that one person may have.")
    config.declare(
        "exchange_key.tier", str, "basic", choices=tuple(Tier.values), help="What a valid exchange key gives at least."
    )
    config.declare(
        "exchange_key.recheck_hours", int, 24, min=1, max=168, help="Hours until an exchange key is checked again."
    )
    config.declare(
        "exchange_key.trust_hours",
        int,
        72,
        min=1,
        max=720,
        help="Hours that a valid exchange key stays so while its exchange can't be asked.",
    )
    for tier in list(Tier)[1:]:
        config.declare(
            f"payment.plans.{tier.value}",
            str,
            f"{tier.value} {tier.value}_monthly {tier.value}_yearly",
            help=f"The payment provider's names of plans that give {tier.label}, separated by spaces.",
        )
