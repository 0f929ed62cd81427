"""The profile that deliveries run by: a shipped one, or one of the operators' own; chosen at run time."""

import logging
import time
from dataclasses import dataclass, replace
from functools import lru_cache

from django.conf import settings

from apps.core import config
from apps.core.exceptions import PermanentError
from apps.notifications.models import DeliveryProfile

logger = logging.getLogger(__name__)

KEY = "notifications.profile"
FALLBACK = "balanced"
FIELDS = ("batch", "concurrency", "timeout_s", "attempts", "statistics_days")


@dataclass(frozen=True, slots=True)
class Profile:
    """How many deliveries are leased at a time and how many are under way, how long one may take (s), how often it is
    tried, and for how many days statistics are kept."""

    name: str
    batch: int
    concurrency: int
    timeout_s: int
    attempts: int
    statistics_days: int


def profile() -> Profile:
    """The profile in force, at most a few seconds old; DELIVERY_* settings count before it."""
    chosen = _chosen(config.get(KEY))
    return replace(
        chosen,
        batch=settings.DELIVERY_BATCH or chosen.batch,
        concurrency=settings.DELIVERY_CONCURRENCY or chosen.concurrency,
        timeout_s=settings.DELIVERY_TIMEOUT_S or chosen.timeout_s,
        attempts=settings.DELIVERY_ATTEMPTS or chosen.attempts,
    )


def profile_use(*, name: str, actor_id: object) -> None:
    """Run by this profile from now on, in every process within a few seconds; audited.

    PermanentError(code="no_profile") where there is none of that name."""
    if name not in settings.DELIVERY_PROFILES and not DeliveryProfile.objects.filter(pk=name).exists():
        raise PermanentError(f"There is no profile {name!r}.", code="no_profile")
    config.config_set(key=KEY, value=name, actor_id=actor_id)


def _chosen(name: str) -> Profile:
    shipped = settings.DELIVERY_PROFILES.get(name)
    if shipped is not None:
        return Profile(name=name, **shipped)
    return _stored(name, int(time.monotonic() / config.CACHE_S))


@lru_cache(maxsize=8)
def _stored(name: str, _: int) -> Profile:
    """An operator's own, looked up once per `config.CACHE_S`."""
    row = DeliveryProfile.objects.filter(pk=name).first()
    if row is None:
        logger.error("There is no delivery profile %r: %s is used", name, FALLBACK)
        return Profile(name=FALLBACK, **settings.DELIVERY_PROFILES[FALLBACK])
    return Profile(name=name, **{field: getattr(row, field) for field in FIELDS})
