"""System checks of the markets room: every configured exchange is one that ccxt has."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register

from apps.markets.exchanges import names


@register()
def exchanges_known(**_: Any) -> list[CheckMessage]:
    """markets.W001: an id in EXCHANGES that ccxt dropped or never had; a warning, because the others go on."""
    problems = (names.problem(exchange) for exchange in settings.EXCHANGES)
    return [Warning(f"Exchange left out: {problem}", id="markets.W001") for problem in problems if problem]
