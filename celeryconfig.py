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
    "markets.*": {"queue": "market"},
    "opportunities.detect": {"queue": "detect"},
    "opportunities.price": {"queue": "detect"},
    "distribution.run": {"queue": "detect"},
    "notifications.deliver": {"queue": "notify.medium"},
}
task_create_missing_queues = False
PRIORITIES = ("critical", "high", "medium", "low", "background")
# Left to Celery, every queue would be bound by one and the same key, and each message would land on all of them.
# A topic exchange, because RabbitMQ's delayed delivery (a ring with a countdown) needs one.
_EXCHANGE = Exchange("arbedge", type="topic")
_QUEUES = ("market", "detect", *(f"notify.{priority}" for priority in PRIORITIES), "default")
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
    _every(15, "opportunities.detect", "Scan the latest snapshots (also rung by each of them)."),
    _every(15, "opportunities.price", "Price what is open on the newest books (also rung by them)."),
    _every(5, "opportunities.expire", "End what has expired or is no longer seen."),
    _every(15, "opportunities.request_markouts", "Order books for markouts that are due."),
    _every(3600, "opportunities.prune", "Delete what is past its retention."),
    _every(5, "distribution.run", "Distribute what is active (also rung by it)."),
    _every(5, "notifications.sweep", "Take back expired leases, ring for deliveries that are due."),
)
