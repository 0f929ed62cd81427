"""Light limits on what costs more than a read."""

from collections.abc import Sequence
from typing import ClassVar

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from apps.core.exceptions import TemporaryError
from apps.core.limits import Demand, Limit, acquire


class HouseThrottle(BaseThrottle):
    """Refuses what is above `limits` with 429 and `Retry-After`, per signed-in user or else per address.

    With Redis away it lets everybody in: a limit must not be what fails."""

    name: ClassVar[str]
    limits: ClassVar[Sequence[Limit]]

    def __init__(self) -> None:
        self._wait_s = 0.0

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Whether this caller may ask now."""
        demand = Demand(key=f"{self.name}:{self.caller(request)}", limits=tuple(self.limits))
        try:
            [self._wait_s] = acquire([[demand]])
        except TemporaryError:
            return True
        return self._wait_s <= 0

    def caller(self, request: Request) -> str:
        """Whose requests are counted together."""
        return str(request.user.pk or self.get_ident(request))

    def wait(self) -> float:
        """Seconds until the next grant."""
        return self._wait_s
