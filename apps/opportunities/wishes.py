"""Whether an opportunity is what somebody wants to see: as a condition on rows, and for one row in hand."""

from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import TypeAlias

from django.db.models import Q

from apps.opportunities.categories import categories_of, in_any
from apps.opportunities.enums import Risk
from apps.opportunities.models import Opportunity, Preferences

Wish: TypeAlias = Callable[[Opportunity], bool]


def every_leg_on(exchanges: Collection[str]) -> Q:
    """Opportunities whose legs are all on these exchanges: the first two say so, since longer ones stay on one."""
    names = list(exchanges)
    return Q(legs__0__exchange__in=names) & (Q(leg_count=1) | Q(legs__1__exchange__in=names))


def preferred(preferences: Preferences) -> Q:
    """The opportunities that somebody with these preferences wants to see."""
    wanted = Q(risk__in=Risk(preferences.max_risk).and_below)
    if preferences.kinds:
        wanted &= Q(kind__in=preferences.kinds)
    if preferences.categories:
        wanted &= in_any(preferences.categories)
    if preferences.symbols:
        named = Q()
        for symbol in preferences.symbols:
            named |= Q(symbol__iexact=symbol) | Q(instrument__iexact=symbol)
        wanted &= named
    if preferences.min_net_edge is not None:
        # What promises no edge is not judged by one.
        wanted &= Q(net_edge__gte=preferences.min_net_edge) | Q(net_edge__isnull=True)
    if preferences.own_exchanges_only and preferences.own_exchanges:
        wanted &= every_leg_on(preferences.own_exchanges)
    return wanted


def wish_of(preferences: Preferences) -> Wish:
    """The same question about one row, without asking the database; on which exchanges it is, is asked apart."""
    risks, symbols = Risk(preferences.max_risk).and_below, {symbol.lower() for symbol in preferences.symbols}
    return partial(_wanted, preferences, risks, symbols)


def _wanted(preferences: Preferences, risks: Iterable[str], symbols: set[str], row: Opportunity) -> bool:
    least = preferences.min_net_edge
    return (
        row.risk in risks
        and (not preferences.kinds or row.kind in preferences.kinds)
        and (not preferences.categories or not set(preferences.categories).isdisjoint(categories_of(row)))
        and (not symbols or row.symbol.lower() in symbols or row.instrument.lower() in symbols)
        and (least is None or row.net_edge is None or row.net_edge >= least)
    )
