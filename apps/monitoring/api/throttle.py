"""A light limit on the public status page, per address."""

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from apps.core.exceptions import TemporaryError
from apps.core.limits import Demand, Limit, acquire

STATUS_LIMITS = (Limit(count=20, seconds=10),)


class StatusThrottle(BaseThrottle):
    """Refuses the rest with 429 and `Retry-After`. With Redis away it lets everybody in: that is when people ask."""

    def __init__(self) -> None:
        self._wait_s = 0.0

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Whether this address may ask now."""
        demand = Demand(key=f"status:{self.get_ident(request)}", limits=STATUS_LIMITS)
        try:
            [self._wait_s] = acquire([[demand]])
        except TemporaryError:
            return True
        return self._wait_s <= 0

    def wait(self) -> float:
        """Seconds until the next grant."""
        return self._wait_s
