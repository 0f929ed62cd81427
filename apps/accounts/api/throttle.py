"""The requests of one person in a minute, by tier."""

from typing import TYPE_CHECKING

from rest_framework.throttling import BaseThrottle

from apps.accounts.models import User
from apps.accounts.pace import requests_per_minute
from apps.core import quota
from apps.core.exceptions import TemporaryError
from apps.core.front.mark import mark_of
from apps.core.quota_headers import ENVIRON_KEY

if TYPE_CHECKING:
    # DRF's views import this module while they are made.
    from rest_framework.request import Request
    from rest_framework.views import APIView


class TierThrottle(BaseThrottle):
    """429 above the tier's requests in a minute. The front has counted some requests already; with Redis away everybody
    is let in, because a limit must not be what fails."""

    def __init__(self) -> None:
        self._wait_s = 0.0

    def allow_request(self, request: "Request", view: "APIView") -> bool:
        """Whether this person may send one more now."""
        mark, user = mark_of(request), request.user
        if not isinstance(user, User) or (mark is not None and mark.counted):
            return True
        ask = quota.Ask(str(user.pk), requests_per_minute(user.tier, user.role))
        try:
            [share] = quota.take([ask])
        except TemporaryError:
            return True
        request._request.META[ENVIRON_KEY] = share
        self._wait_s = share.ends_s
        return share.granted == 1

    def wait(self) -> float:
        """Seconds until the window ends."""
        return self._wait_s
