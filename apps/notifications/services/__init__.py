"""Every write of the notifications room."""

from apps.notifications.services.deliver import DeliverReport, deliver
from apps.notifications.services.endpoints import endpoint_create, endpoint_disable
from apps.notifications.services.notifications import notification_create, notifications_create
from apps.notifications.services.sweep import deliveries_sweep, delivery_replay
from apps.notifications.services.templates import template_create, templates_seed

__all__ = [
    "DeliverReport",
    "deliver",
    "deliveries_sweep",
    "delivery_replay",
    "endpoint_create",
    "endpoint_disable",
    "notification_create",
    "notifications_create",
    "template_create",
    "templates_seed",
]
