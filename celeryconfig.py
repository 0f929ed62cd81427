"""Celery: broker, queues, guarantees, and the schedules as data."""

from typing import Any

from django.conf import settings
from kombu import Exchange, Queue

broker_url = settings.CELERY_BROKER_URL
# Results are rows of ours; a result backend would only be one more thing that can hang a publish.
task_ignore_result = True
result_backend = None

accept_content = ["json"]
task_serializer = "json"
timezone = "UTC"
enable_utc = True

task_default_queue = "default"
# Which queue a task goes to, unless its ring names one (deliveries go to the queue of their priority).
task_routes = {
    # Feeds are rung on the queue of their kind (market.quotes, market.funding); what is slow waits for what is not.
    "markets.poll": {"queue": "market.quotes"},
    "markets.ingest": {"queue": "market.quotes"},
    "markets.fetch_books": {"queue": "market.books"},
    "markets.prune": {"queue": "default"},
    "markets.archive_upkeep": {"queue": "default"},
    "markets.watch_prices": {"queue": "default"},
    "markets.rank_universe": {"queue": "default"},
    "markets.roll_candles": {"queue": "default"},
    "markets.*": {"queue": "market.slow"},
    "portfolio.check_key": {"queue": "market.slow"},
    "opportunities.detect": {"queue": "detect"},
    "opportunities.price": {"queue": "detect"},
    "distribution.run": {"queue": "detect"},
    "distribution.watch_alerts": {"queue": "detect"},
    "notifications.deliver": {"queue": "notify.medium"},
}
task_create_missing_queues = False
PRIORITIES = ("critical", "high", "medium", "low", "background")
# Left to Celery, every queue would be bound by one and the same key, and each message would land on all of them.
# A topic exchange, because RabbitMQ's delayed delivery (a ring with a countdown) needs one.
_EXCHANGE = Exchange("arbedge", type="topic")
_MARKET = ("market.books", "market.quotes", "market.funding", "market.slow")
_QUEUES = (*_MARKET, "detect", *(f"notify.{priority}" for priority in PRIORITIES), "default")
task_queues = [
    # Quorum queues survive the loss of a RabbitMQ node and bound redelivery; Redis ignores the arguments.
    Queue(
        name,
        _EXCHANGE,
        routing_key=name,
        queue_arguments={"x-queue-type": "quorum"} if broker_url.startswith("amqp") else None,
    )
    for name in _QUEUES
]

worker_prefetch_multiplier = 1
worker_max_tasks_per_child = 2000
worker_send_task_events = True
task_send_sent_event = False
worker_hijack_root_logger = False
broker_connection_retry_on_startup = True
broker_transport_options: dict[str, Any] = {
    # A killed worker's unacknowledged messages come back after this many seconds; no task of ours runs or waits longer.
    "visibility_timeout": 180,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    # A worker of several queues takes from them in the order in which it was given them.
    "queue_order_strategy": "priority",
    # Publishing must fail fast when Redis hangs: the row is there and the sweep will ring again.
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 25,
}
if broker_url.startswith("amqp"):
    broker_transport_options = {"confirm_publish": True}
task_publish_retry_policy = {"max_retries": 1, "interval_start": 0.1, "interval_step": 0.1, "interval_max": 0.2}


def _every(seconds: int, task: str, description: str) -> dict[str, Any]:
    # A message that has not started within its period is stale: the next one is on its way. Beat loses fractions.
    return {
        "name": task,
        "task": task,
        "every": seconds,
        "expire_seconds": max(1, seconds - 1),
        "owner": task.partition(".")[0],
        "description": description,
    }


# Beat reads its schedules from the database, where operators edit them; `manage.py seed_schedules` creates what is
# missing there and never overwrites. (Beat's own `beat_schedule` would rewrite rows at each start, so it stays empty.)
SCHEDULES = (
    _every(settings.POLL_SECONDS, "markets.poll", "Ring the ingestion of every feed that is due."),
    _every(3600, "markets.prune", "Delete dead letters and fundings past their retention."),
    _every(600, "markets.archive_upkeep", "Compact the archive's finished days, delete old ones."),
    _every(15, "markets.watch_prices", "Quarantine strangers among namesakes, sample spreads."),
    _every(5, "markets.roll_candles", "Roll the latest quotes into the minute's bars."),
    _every(600, "markets.rank_universe", "Rank the markets of every exchange, decide which are monitored."),
    _every(15, "opportunities.detect", "Scan the latest snapshots (also rung by each of them)."),
    _every(15, "opportunities.price", "Price what is open on the newest books (also rung by them)."),
    _every(15, "opportunities.detect_technical", "Judge the rules of technical signals on bars that have closed."),
    _every(5, "opportunities.expire", "End what has expired or is no longer seen."),
    _every(15, "opportunities.request_markouts", "Order books for markouts that are due."),
    _every(600, "opportunities.measure_lifetimes", "How long edges last, per kind and instrument."),
    _every(3600, "opportunities.prune", "Delete what is past its retention."),
    _every(3600, "core.prune", "Delete idempotency keys and audit records past their retention."),
    _every(60, "accounts.send_recoveries", "Write letters that set new passwords (also rung by who asks)."),
    _every(60, "portfolio.check_due_keys", "Ring the checks of exchange keys that are due."),
    _every(60, "core.seal_audit", "Chain audit records that a killed process left unchained."),
    _every(5, "distribution.run", "Distribute what is active (also rung by it)."),
    _every(15, "distribution.watch_alerts", "Look at all alert triggers (also rung by each snapshot)."),
    _every(60, "distribution.draw_charts", "Draw charts of what has become active (also rung by it)."),
    _every(300, "distribution.send_reports", "Owe people the reports that are due."),
    _every(3600, "distribution.prune", "Delete decisions and alerts past their retention."),
    _every(300, "accounts.sweep_subscriptions", "Announce ends of subscriptions, close what is over."),
    _every(3600, "accounts.prune", "Delete registrations nobody confirmed, old letters and payment messages."),
    _every(60, "notifications.post_letters", "Post what accounts wrote to people (also rung by it)."),
    _every(60, "notifications.digests", "Sum up what limits or quiet hours kept back for too long."),
    _every(3600, "notifications.prune", "Delete messages and codes past their retention."),
    _every(300, "notifications.roll_statistics", "Count the deliveries of the hours that need it."),
    _every(86_400, "notifications.prune_statistics", "Delete statistics past the delivery profile's days."),
    _every(5, "notifications.sweep", "Take back expired leases, ring for deliveries that are due."),
    _every(3600, "notifications.shift_variants", "Move the shares of template variants by readers' answers."),
)
