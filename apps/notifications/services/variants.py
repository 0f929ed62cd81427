"""Readers' answers move the shares of variants, where the operator wants that."""

import hashlib
import logging

from apps.core import config
from apps.notifications.selectors import template_statistics, templates_compared
from apps.notifications.services.templates import template_weigh
from apps.notifications.templating.variants import Tried, shares

logger = logging.getLogger(__name__)


def variants_shift() -> int:
    """Give each variant the share that its answers earn; how many weights have changed.

    Nothing where `notifications.variants_adapt` is off, nor before each variant of a group has been delivered
    `notifications.variants_sample` times; no share falls below `notifications.variants_least_share` per cent, so a
    variant that was unlucky at first is still read. Audited as the system's doing."""
    if not config.get("notifications.variants_adapt"):
        return 0
    return sum(_shifted(*group) for group in templates_compared())


def _shifted(name: str, channel: str, locale: str) -> int:
    found = [one for one in template_statistics(name=name, channel=channel, locale=locale) if one.active]
    found.sort(key=lambda one: one.variant)
    if min(one.delivered for one in found) < config.get("notifications.variants_sample"):
        return 0
    earned = shares(
        [Tried(one.delivered, one.useful) for one in found],
        least=config.get("notifications.variants_least_share"),
        seed=int.from_bytes(hashlib.sha256(f"{name}\0{channel}\0{locale}".encode()).digest()[:8], "big"),
    )
    changed = [(one, share) for one, share in zip(found, earned, strict=True) if one.weight != share]
    for one, share in changed:
        template_weigh(template_id=one.template_id, weight=share, actor_id=None)
    if changed:
        logger.info("Variants of %s (%s, %s): shares %s", name, channel or "any channel", locale, earned)
    return len(changed)
