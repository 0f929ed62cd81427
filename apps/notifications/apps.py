"""App configuration."""

from django.apps import AppConfig
from django.conf import settings


class NotificationsConfig(AppConfig):
    name = "apps.notifications"
    label = "notifications"

    def ready(self) -> None:
        """Tell the core what this room has: secrets to rotate, runtime settings, health probes, a table of plug-ins."""
        from apps.core import config, health, vault
        from apps.notifications.health import channels_probe, deliveries_probe

        vault.register("notifications.Endpoint", "credentials")
        vault.register("notifications.Notification", "sealed")
        config.declare(
            "notifications.profile",
            str,
            settings.PROFILE,
            help="How deliveries are run: balanced, high_performance, high_reliability, or a profile of your own.",
        )
        config.declare("notifications.user_per_minute", int, 120, min=1, help="Messages to one person in a minute.")
        config.declare(
            "notifications.webhook_overlap_h", int, 24, min=1, max=720,
            help="Hours for which a webhook's signing secret still signs after it was changed.",
        )  # fmt: skip
        config.declare("notifications.user_per_hour", int, 2000, min=1, help="Messages to one person in an hour.")
        config.declare(
            "notifications.variants_adapt", bool, False, help="Whether readers' answers move the shares of variants."
        )
        config.declare(
            "notifications.variants_sample",
            int,
            500,
            min=1,
            help="Deliveries of each variant before its share is moved.",
        )
        config.declare(
            "notifications.variants_least_share",
            int,
            10,
            min=0,
            max=50,
            help="Per cent of readers that each variant keeps, however it does.",
        )
        health.register("deliveries", deliveries_probe)
        health.register("channels", channels_probe)
