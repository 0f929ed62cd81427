"""How exchanges are, as a whole."""

from collections import defaultdict

from django.conf import settings
from django.db.models import Count, Q

from apps.core import limits
from apps.core.exceptions import TemporaryError
from apps.markets.breakers import breaker
from apps.markets.enums import LetterState
from apps.markets.exchanges import registry
from apps.markets.exchanges.throttle import budget_ms, limit_key
from apps.markets.models import Exchange
from apps.markets.selectors.feeds import feeds_status
from apps.markets.types import ExchangeReport, FeedStatus, Guards


def exchanges_all() -> list[Exchange]:
    """Every exchange row with its feeds, by id."""
    return list(Exchange.objects.prefetch_related("feeds").order_by("id"))


def exchanges_status() -> list[ExchangeReport]:
    """How each configured exchange is, by id."""
    feeds: dict[str, list[FeedStatus]] = defaultdict(list)
    for feed in feeds_status():
        feeds[feed.exchange].append(feed)
    is_open = Q(dead_letters__state=LetterState.OPEN)
    rows = Exchange.objects.filter(id__in=settings.EXCHANGES).annotate(letters=Count("dead_letters", filter=is_open))
    return [_report(row, row.letters, tuple(feeds[row.id])) for row in rows.order_by("id")]


def guards_of(exchange: str) -> Guards:
    """How our calls to this exchange are guarded now."""
    state, retry_in_s = breaker(exchange).standing()
    return Guards(state.value, retry_in_s, _budget_used(exchange))


def _report(row: Exchange, letters: int, feeds: tuple[FeedStatus, ...]) -> ExchangeReport:
    return ExchangeReport(
        id=row.id,
        name=row.name,
        enabled=row.enabled,
        status=row.status,
        status_reason=row.status_reason,
        clock_offset_ms=row.clock_offset_ms,
        markets_loaded_at=row.markets_loaded_at,
        transfers_checked_at=row.transfers_checked_at,
        key_problem=row.key_problem,
        feeds=feeds,
        guards=guards_of(row.id),
        letters=letters,
    )


def _budget_used(exchange: str) -> float | None:
    """The fraction of the exchange's longest window that our requests of this moment fill."""
    limit = registry.adapter_class(exchange).capabilities.limit
    try:
        granted = limits.usage(limit_key(exchange)).granted
    except TemporaryError:
        # The health page says that Redis is away; here it is only one unknown figure.
        return None
    return granted.get(limit.seconds, 0) / budget_ms(limit)
