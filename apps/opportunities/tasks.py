"""Doorbells of the opportunities room. Early acknowledgement and short expiry: stale market work must die."""

from collections.abc import Sequence

from celery import shared_task

from apps.core import clock
from apps.core.queue import answering
from apps.opportunities import services

# Longer than any run; only a killed worker leaves its lock to time out.
_RUN_S = 20.0
_MEASURE_S = 120.0
_JUDGE_S = 60.0


@shared_task(name="opportunities.detect", expires=10, soft_time_limit=15, time_limit=20)
def detect() -> None:
    """Scan what the exchanges say now; one scan at a time."""
    with answering("apps.opportunities.tasks.detect", ttl=_RUN_S) as mine:
        if mine:
            services.detect(now=clock.now())


@shared_task(name="opportunities.price", expires=10, soft_time_limit=15, time_limit=20)
def price(market_ids: Sequence[int] | None = None) -> None:
    """Price open rows, and measure markouts, on the books that have come; one run at a time, then one for all."""
    with answering("apps.opportunities.tasks.price", ttl=_RUN_S) as mine:
        if mine:
            services.price(market_ids=market_ids, now=clock.now())
            services.markouts_measure(market_ids=market_ids, now=clock.now())


@shared_task(name="opportunities.detect_technical", expires=14, soft_time_limit=50, time_limit=60)
def detect_technical() -> None:
    """Judge the rules of technical signals on the bars that have closed; one run at a time."""
    with answering("apps.opportunities.tasks.detect_technical", ttl=_JUDGE_S) as mine:
        if mine:
            services.technical_detect(now=clock.now())


@shared_task(name="opportunities.expire", expires=4, soft_time_limit=8, time_limit=10)
def expire() -> None:
    """End what is too old, unseen or never priced."""
    services.expire(now=clock.now())


@shared_task(
    name="opportunities.request_markouts",
    expires=10,
    soft_time_limit=8,
    time_limit=10,
)
def request_markouts() -> None:
    """Ask for the books that due markouts are measured on."""
    services.markouts_request(now=clock.now())


@shared_task(name="opportunities.measure_lifetimes", expires=300, soft_time_limit=100, time_limit=120)
def measure_lifetimes() -> None:
    """How long edges have been lasting, per kind and instrument."""
    with answering("apps.opportunities.tasks.measure_lifetimes", ttl=_MEASURE_S) as mine:
        if mine:
            services.lifetimes_measure(now=clock.now())


@shared_task(name="opportunities.prune", expires=3000, soft_time_limit=100, time_limit=120)
def prune() -> None:
    """Delete what is past its retention."""
    services.prune(now=clock.now())
