"""Notifications in event streams: each listener's own, when they are written."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from rest_framework.renderers import JSONRenderer

from apps.core.front.events import Listener, StreamEvent
from apps.notifications.models import Notification

# Of a longer absence only so much is told; `notifications` lists all.
ROWS_MAX = 1000


class NotificationFeed:
    """A source of streams."""

    topic = "notifications"

    def events(self, listeners: Sequence[Listener], *, until: datetime) -> Iterator[tuple[Listener, StreamEvent]]:
        """What was written for each. One query."""
        # Serializers come with the first stream: nothing but the web needs them.
        from apps.notifications.api.endpoint_forms import NotificationSerializer

        fields_told = tuple(name for name in NotificationSerializer.Meta.fields if name != "deliveries")

        class Said(NotificationSerializer):
            deliveries = None  # type: ignore[assignment]

            class Meta(NotificationSerializer.Meta):
                fields = fields_told  # type: ignore[assignment]

        rows = Notification.objects.filter(
            user_id__in={one.user_id for one in listeners},
            created_at__gt=min(one.since for one in listeners),
            created_at__lte=until,
        ).order_by("-created_at")[:ROWS_MAX]
        for row in rows:
            data: bytes | None = None
            for one in listeners:
                if one.user_id == row.user_id and one.since < row.created_at:
                    data = data or JSONRenderer().render(Said(row).data)
                    yield one, StreamEvent(row.created_at, "notification", str(row.pk), data)
