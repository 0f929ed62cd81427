"""App configuration."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "apps.accounts"
    label = "accounts"

    def ready(self) -> None:
        """Declare the tier table."""
        from apps.accounts.policies import declare_policies

        declare_policies()
