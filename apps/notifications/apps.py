"""App configuration."""

from django.apps import AppConfig
from django.conf import settings


def tiers_check(text: str) -> None:
    """ValueError for what is no line of limits."""
    # Limits know Redis; a command that sets none does not load it.
    from apps.notifications.tiers import tiers_read

    tiers_read(text)


class NotificationsConfig(AppConfig):
    name = "apps.notifications"
    label = "notifications"

    def ready(self) -> None:
        """Tell the core what this room has: secrets to rotate, runtime settings, health probes, a table of plug-ins,
        and what people do here to begin with."""
        from apps.accounts import onboarding
        from apps.core import config, health, vault
        from apps.notifications.channels.registry import CHANNELS
        from apps.notifications.health import channels_probe, deliveries_probe

        vault.register("notifications.Endpoint", "credentials")
        vault.register("notifications.Notification", "sealed")
        config.declare(
            "notifications.profile",
            str,
            settings.PROFILE,
            help="How deliveries are run: balanced, high_performance, high_reliability, or a profile of your own.",
        )
        config.declare("notifications.user_per_second", int, 10, min=1, help="Messages to one person in a second.")
        config.declare("notifications.user_per_minute", int, 120, min=1, help="Messages to one person in a minute.")
        config.declare(
            "notifications.webhook_overlap_h", int, 24, min=1, max=720,
            help="Hours for which a webhook's signing secret still signs after it was changed.",
        )  # fmt: skip
        config.declare("notifications.user_per_hour", int, 2000, min=1, help="Messages to one person in an hour.")
        config.declare("notifications.user_per_day", int, 10_000, min=1, help="Messages to one person in 24 hours.")
        for channel in CHANNELS.names():
            config.declare(
                f"notifications.limits.{channel}",
                str,
                "",
                check=tiers_check,
                help="Limits of your own contract: provider 25/s 50000/d endpoint 500/d (s, m, h, d). "
                "What is not named stays as the provider publishes it.",
            )
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
        config.declare("notifications.attachment_kb", int, 5_000, min=1, max=9_000, help="Kilobytes of one attachment.")
        config.declare("notifications.attachments", int, 5, min=1, max=10, help="Attachments of one message.")
        onboarding.declare("channel", "Say where to reach you.", done="apps.notifications.selectors.endpoints_since")
        health.register("deliveries", deliveries_probe)
        health.register("channels", channels_probe)
