"""What the admin's first page offers beside its list of models."""

from dataclasses import dataclass

from django import template
from django.conf import settings
from django.urls import reverse

register = template.Library()


@dataclass(frozen=True, slots=True)
class Door:
    """A link with a line about what is behind it."""

    title: str
    about: str
    url: str
    icon: str


@register.simple_tag
def origin() -> str:
    """Where the data of this installation comes from: live, sandbox or replay."""
    return str(settings.ORIGIN)


@register.simple_tag
def doors() -> list[Door]:
    """Where operators go most; Flower only where its address is configured."""
    dead = f"{reverse('admin:notifications_delivery_changelist')}?state__exact=dead"
    found = [
        Door(
            "Status", "What each exchange's data is like, and why", reverse("admin:markets_feed_changelist"), "sensors"
        ),
        Door("Health", "Every part, as the API tells it", reverse("health-detailed"), "monitor_heart"),
        Door("Dead letters", "Messages that reached nobody", dead, "mark_email_unread"),
        Door("API", "Try the API from here", reverse("docs"), "api"),
        Door("API reference", "The same to read", reverse("redoc"), "menu_book"),
    ]
    # Not every installation runs Flower.
    flower_url: str = getattr(settings, "FLOWER_URL", "")
    return [*found, Door("Flower", "Workers and tasks", flower_url, "local_florist")] if flower_url else found
