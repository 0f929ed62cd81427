"""What operators know of names, and which markets wait for their decision."""

from django.db.models import F, Q

from apps.markets.instruments import Identity, NameRules
from apps.markets.models import DeniedBase, InstrumentAlias


def name_rules(exchange: str) -> NameRules:
    """The rules for the names on one exchange; one made for it counts before one for every exchange."""
    here = Q(exchange=exchange) | Q(exchange=None)
    # The general ones first, so that the exchange's own replace them.
    aliases = InstrumentAlias.objects.filter(here).order_by(F("exchange").asc(nulls_first=True))
    return NameRules(
        aliases={alias.base: Identity(alias.instrument, alias.multiplier) for alias in aliases},
        denied=frozenset(DeniedBase.objects.filter(here).values_list("base", flat=True)),
    )
