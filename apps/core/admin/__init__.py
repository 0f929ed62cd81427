"""Core's admin pages, and the base classes of every room's (`base`)."""

from apps.core.admin import config, records, schedule  # noqa: F401  (importing registers the pages)
