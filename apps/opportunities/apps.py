"""App configuration."""

from django.apps import AppConfig


class OpportunitiesConfig(AppConfig):
    name = "apps.opportunities"
    label = "opportunities"

    def ready(self) -> None:
        """Declare the runtime settings and what people do here to begin with."""
        from apps.accounts import onboarding
        from apps.opportunities.numbers import declare_numbers

        declare_numbers()
        here = "apps.opportunities.selectors"
        onboarding.declare("preferences", "Say what you want to see.", done=f"{here}.preferences_since")
        onboarding.declare("paper", "Take an opportunity on paper.", done=f"{here}.executions_since", needed=False)
