"""People and the tokens they call the API with."""

from apps.accounts.models.people import User
from apps.accounts.models.tokens import ApiToken

__all__ = ["ApiToken", "User"]
