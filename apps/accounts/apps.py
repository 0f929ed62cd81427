"""App configuration."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "apps.accounts"
    label = "accounts"

    def ready(self) -> None:
        """Declare the tier table, what each permission needs and the room's numbers; name the secrets to rotate."""
        from apps.accounts import onboarding
        from apps.accounts.grants import declare_grants
        from apps.accounts.numbers import declare_numbers
        from apps.accounts.pace import declare_pace
        from apps.accounts.policies import declare_policies
        from apps.accounts.profile import declare_profile
        from apps.core import vault

        declare_policies()
        declare_profile()
        here = "apps.accounts.selectors.onboarding"
        onboarding.declare("email", "Confirm your address.", done=f"{here}.email_done_at")
        onboarding.declare(
            "second_factor", "Sign in with a second factor.", done=f"{here}.second_factor_done_at", needed=False
        )
        onboarding.declare(
            "exchange_key", "Add a key of your exchange.", done=f"{here}.exchange_key_done_at", needed=False
        )
        declare_grants()
        declare_numbers()
        declare_pace()
        vault.register("accounts.ExchangeKey", "sealed")
        vault.register("accounts.Letter", "sealed")
        vault.register("accounts.TwoFactor", "secret")
