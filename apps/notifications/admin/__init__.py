"""The admin pages of notifications; importing registers them."""

from apps.notifications.admin import codes, endpoints, messages, profiles, reach, statistics, templates  # noqa: F401
