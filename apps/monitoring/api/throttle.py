"""A light limit on the public status page, per address. With Redis away everybody gets in: that is when people ask."""

from rest_framework.request import Request

from apps.core.api.throttle import HouseThrottle
from apps.core.limits import Limit

STATUS_LIMITS = (Limit(count=20, seconds=10),)


class StatusThrottle(HouseThrottle):
    """Refuses the rest with 429 and `Retry-After`."""

    name = "status"
    limits = STATUS_LIMITS

    def caller(self, request: Request) -> str:
        """The address, signed in or not."""
        return str(self.get_ident(request))
