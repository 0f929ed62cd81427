"""App configuration."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "apps.notifications"
    label = "notifications"

    def ready(self) -> None:
        """Tell the core what this room has: secrets to rotate, runtime settings, health probes, a table of plug-ins."""
        from apps.core import config, health, vault
        from apps.notifications.health import channels_probe, deliveries_probe

        vault.register("notifications.Endpoint", "credentials")
        config.declare("notifications.user_per_minute", int, 120, min=1, help="Messages to one person in a minute.")
        config.declare("notifications.user_per_hour", int, 2000, min=1, help="Messages to one person in an hour.")
        health.register("deliveries", deliveries_probe)
        health.register("channels", channels_probe)
