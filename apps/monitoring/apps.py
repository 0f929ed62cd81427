"""App configuration."""

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    name = "apps.monitoring"
    label = "monitoring"

    def ready(self) -> None:
        """Register the probes."""
        from apps.monitoring import probes

        probes.register()
