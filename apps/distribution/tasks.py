"""Doorbells of the distribution room."""

from celery import shared_task

from apps.core import clock, queue
from apps.distribution import services

RUN = "apps.distribution.tasks.run"
ALERTS = "apps.distribution.tasks.watch_alerts"
CHARTS = "apps.distribution.tasks.draw_charts"
# Longer than any run; only a killed worker leaves its lock to time out.
_RUN_S = 30.0


@shared_task(name="distribution.run", expires=10, soft_time_limit=25, time_limit=30, ignore_result=True)
def run() -> None:
    """Decide who gets which active opportunity; one run at a time."""
    with queue.answering(RUN, ttl=_RUN_S) as mine:
        if mine:
            services.run(now=clock.now())


@shared_task(name="distribution.watch_alerts", expires=10, soft_time_limit=25, time_limit=30, ignore_result=True)
def watch_alerts(feed: str = "", exchange: str = "") -> None:
    """Look at the alert triggers that this feed of this exchange may change, or at all; one look at each at a time."""
    asked = {"feed": feed, "exchange": exchange}
    with queue.answering(ALERTS, f"{exchange}:{feed}", ttl=_RUN_S, kwargs=asked) as mine:
        if mine:
            services.alerts_watch(now=clock.now(), **asked)


@shared_task(name="distribution.prune", expires=3000, soft_time_limit=100, time_limit=120, ignore_result=True)
def prune() -> None:
    """Delete decisions and alerts past their retention."""
    services.prune(now=clock.now())


@shared_task(name="distribution.draw_charts", expires=30, soft_time_limit=25, time_limit=30, ignore_result=True)
def draw_charts() -> None:
    """Draw what messages about new opportunities may carry; nothing waits for it."""
    with queue.answering(CHARTS, ttl=_RUN_S) as mine:
        if mine:
            services.charts_draw(now=clock.now())


@shared_task(name="distribution.send_reports", expires=299, soft_time_limit=100, time_limit=120, ignore_result=True)
def send_reports() -> None:
    """Owe the reports that are due."""
    services.reports_send(now=clock.now())
