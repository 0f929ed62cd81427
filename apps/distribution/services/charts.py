"""A chart for the messages about an opportunity: drawn beside their way, so that none ever waits for it."""

import logging
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from apps.core import config
from apps.core.exceptions import ArbEdgeError
from apps.notifications.selectors import bundles_known
from apps.notifications.services import attachment_store
from apps.opportunities.selectors import opportunities_active, opportunity_chart

logger = logging.getLogger(__name__)

# Who is told later has a chart from then on; what is older is told to nobody any more.
_FRESH: Final = timedelta(minutes=15)
_AT_ONCE: Final = 20
_KEPT: Final = timedelta(days=7)
_FILE: Final = "chart.png"


def bundle_of(opportunity_id: UUID) -> str:
    """What messages about it carry."""
    return f"opportunity:{opportunity_id}"


def charts_draw(*, now: datetime) -> int:
    """Draw what has just become active and has no chart yet, the best first; returns how many were drawn."""
    if not config.get("distribution.charts"):
        return 0
    rows = opportunities_active().filter(activated_at__gt=now - _FRESH, net_edge__isnull=False).order_by("-score", "pk")
    ids = list(rows.values_list("pk", flat=True)[: 5 * _AT_ONCE])
    known = bundles_known(map(bundle_of, ids))
    return sum(_drawn(id, now) for id in [id for id in ids if bundle_of(id) not in known][:_AT_ONCE])


def _drawn(id: UUID, now: datetime) -> bool:
    content = opportunity_chart(id)
    if content is None:
        return False
    try:
        attachment_store(
            bundle=bundle_of(id),
            filename=_FILE,
            content_type="image/png",
            content=content,
            expires_at=now + _KEPT,
            now=now,
        )
    except ArbEdgeError as error:
        logger.warning("Opportunity %s has no chart: %s", id, error.message)
        return False
    return True
