"""Every write of the opportunities room. Each takes `now` and may run twice, or in two processes at once."""

from apps.opportunities.services.detect import detect
from apps.opportunities.services.expire import expire
from apps.opportunities.services.markouts import markouts_measure, markouts_request
from apps.opportunities.services.price import price
from apps.opportunities.services.prune import prune

__all__ = ["detect", "expire", "markouts_measure", "markouts_request", "price", "prune"]
