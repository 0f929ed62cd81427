"""How lists of markets can be narrowed; anything unknown is told back as a field error."""

import django_filters

from apps.markets.enums import MarketType
from apps.markets.models import Market


class MarketFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Query parameters of every list with a market a row."""

    exchange = django_filters.CharFilter(field_name="exchange_id", max_length=40, help_text="Only of this ccxt id.")
    type = django_filters.ChoiceFilter(choices=MarketType.choices, help_text="Only of this type.")
    symbol = django_filters.CharFilter(lookup_expr="iexact", max_length=80, help_text="Only this unified symbol.")
    instrument = django_filters.CharFilter(
        lookup_expr="iexact", max_length=40, help_text="Only of this asset (multipliers removed: `PEPE`)."
    )
    base = django_filters.CharFilter(lookup_expr="iexact", max_length=40, help_text="Only with this base, as listed.")
    quote = django_filters.CharFilter(lookup_expr="iexact", max_length=40, help_text="Only with this quote currency.")

    class Meta:
        model = Market
        fields: tuple[str, ...] = ("exchange", "type", "symbol", "instrument", "base", "quote")


class ListedFilter(MarketFilter):
    """The list of markets itself also shows what is not traded or not read."""

    active = django_filters.BooleanFilter(help_text="Only those that the exchange lists as trading, or only others.")
    monitored = django_filters.BooleanFilter(help_text="Only those of the monitored universe, or only others.")

    class Meta(MarketFilter.Meta):
        fields: tuple[str, ...] = (*MarketFilter.Meta.fields, "active", "monitored")
