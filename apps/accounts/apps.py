"""App configuration."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "apps.accounts"
    label = "accounts"

    def ready(self) -> None:
        """Declare the tier table, what each permission needs and the room's numbers; name the secrets to rotate."""
        from apps.accounts.grants import declare_grants
        from apps.accounts.numbers import declare_numbers
        from apps.accounts.policies import declare_policies
        from apps.core import vault

        declare_policies()
        declare_grants()
        declare_numbers()
        vault.register("accounts.ExchangeKey", "sealed")
        vault.register("accounts.Letter", "sealed")
        vault.register("accounts.TwoFactor", "secret")
