"""Refusals of this room."""

from apps.accounts.enums import Tier
from apps.core.exceptions import PermanentError


class SignInRefused(PermanentError):
    """Somebody did not prove who they are. `code` is all that they learn: `credentials_wrong` for an unknown address
    and a wrong password alike; who has the right password learns `account_inactive`, `second_factor_required` or
    `second_factor_wrong`."""

    code = "credentials_wrong"


class ScopeMissing(PermanentError):
    """A credential is not meant for this."""

    code = "scope_required"

    def __init__(self, scope: str) -> None:
        super().__init__(f"This needs a token with the scope {scope}.")
        self.scope = scope


class RecoveryRefused(PermanentError):
    """A link to set a new password was used, is too old or was never sent, which is not told apart."""

    code = "recovery_refused"


class TokenRefusedError(PermanentError):
    """A token opens nothing: unknown, expired, revoked, or its owner may not sign in. The caller has to get another."""

    code = "token_refused"


class RightMissing(PermanentError):
    """A user's tier or role does not open this; `level` is the lowest one that does."""

    def __init__(self, level: str) -> None:
        by_tier = level in Tier.values
        words = f"This needs the {level} tier or a higher one." if by_tier else f"This needs the role {level}."
        super().__init__(words, code="tier_required" if by_tier else "role_required")
        self.level = level
        self.required = {"required_tier" if by_tier else "required_role": level}


class StatusRefused(PermanentError):
    """An account can't be put there from where it stands, or not by this operator."""

    code = "status_refused"


class InvitationRefused(PermanentError):
    """An invitation opens nothing (any more): unknown, used up, expired or revoked, which is not told apart."""

    code = "invitation_refused"


class ReferralRefused(PermanentError):
    """A referral code can't be used by this person, or can't be had."""

    code = "referral_refused"


class ConfirmationRefused(PermanentError):
    """A code that was sent to an address does not confirm it: wrong, or no longer counting."""

    code = "code_wrong"


class PaymentRefused(PermanentError):
    """A payment provider's message can't be applied as it is: the provider or an operator has to mend something."""

    code = "payment_refused"


class ExchangeKeyRefused(PermanentError):
    """A key to an exchange can't be taken: its form is wrong, it is there already, or there are too many. `problems`
    says by field what is wrong."""

    code = "exchange_key_refused"

    def __init__(self, message: str, *, code: str | None = None, problems: dict[str, str] | None = None) -> None:
        super().__init__(message, code=code)
        self.problems = problems or {}


class ExchangeKeyGone(PermanentError):
    """There is no such key any more, or nothing of it that could sign a call."""

    code = "exchange_key_gone"
