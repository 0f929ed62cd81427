"""The admin pages of notifications."""

from apps.notifications.admin import endpoints, messages, templates  # noqa: F401  (importing registers the pages)
