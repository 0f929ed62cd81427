"""App configuration."""

from django.apps import AppConfig


class DistributionConfig(AppConfig):
    name = "apps.distribution"
    label = "distribution"

    def ready(self) -> None:
        """Declare the runtime settings."""
        from apps.distribution.alert_rules import declare_alert_rules
        from apps.distribution.rules import declare_rules

        declare_rules()
        declare_alert_rules()
