"""App configuration."""

from django.apps import AppConfig


class OpportunitiesConfig(AppConfig):
    name = "apps.opportunities"
    label = "opportunities"

    def ready(self) -> None:
        """Declare the runtime settings."""
        from apps.opportunities.numbers import declare_numbers

        declare_numbers()
