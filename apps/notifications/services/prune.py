"""Forget what nobody needs any more: the tables stay bounded."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from apps.notifications.models import Endpoint, Notification
from apps.notifications.services.attachments import attachments_prune
from apps.notifications.services.codes import codes_prune

# Small transactions: other writers of SQLite wait for each one.
_BATCH = 500


def prune(*, now: datetime) -> int:
    """Delete finished messages (with their deliveries and tries) past NOTIFICATION_DAYS, codes past their use,
    files that nothing refers to, and removed endpoints that no delivery tells of any more; how many messages."""
    codes_prune(now=now)
    old = Notification.objects.filter(finished_at__lt=now - timedelta(days=settings.NOTIFICATION_DAYS))
    deleted = 0
    while True:
        with transaction.atomic():
            ids = list(old.values_list("pk", flat=True)[:_BATCH])
            Notification.objects.filter(pk__in=ids).delete()
        deleted += len(ids)
        if len(ids) < _BATCH:
            break
    Endpoint.objects.filter(removed_at__isnull=False, deliveries__isnull=True).delete()
    # Last: it needs the storage, which may be away.
    attachments_prune(now=now)
    return deleted
