"""App configuration."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "apps.accounts"
    label = "accounts"

    def ready(self) -> None:
        """Declare the tier table and tell the OpenAPI generator about our tokens."""
        from apps.accounts.api import schema  # noqa: F401  (importing registers it)
        from apps.accounts.policies import declare_policies

        declare_policies()
