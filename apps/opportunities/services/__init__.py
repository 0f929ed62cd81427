"""Every write of the opportunities room. Each takes `now` and may run twice, or in two processes at once."""

from apps.opportunities.services.detect import detect
from apps.opportunities.services.execution import Fill, execution_record, fill
from apps.opportunities.services.expire import expire
from apps.opportunities.services.feedback import feedback_give
from apps.opportunities.services.lifetimes import lifetimes_measure
from apps.opportunities.services.markouts import markouts_measure, markouts_request
from apps.opportunities.services.preferences import preferences_rollback, preferences_set, preset_apply
from apps.opportunities.services.price import price
from apps.opportunities.services.prune import prune
from apps.opportunities.services.rules import rule_change, rule_create, rule_delete, rule_save, rules_seed
from apps.opportunities.services.scan import Question, Scanned, scan
from apps.opportunities.services.seen import seen_admit
from apps.opportunities.services.sizing import Sized, opportunity_sized
from apps.opportunities.services.technical import technical_detect

__all__ = [
    "Fill",
    "Question",
    "Scanned",
    "Sized",
    "detect",
    "execution_record",
    "expire",
    "feedback_give",
    "fill",
    "lifetimes_measure",
    "markouts_measure",
    "markouts_request",
    "opportunity_sized",
    "preferences_rollback",
    "preferences_set",
    "preset_apply",
    "price",
    "prune",
    "rule_change",
    "rule_create",
    "rule_delete",
    "rule_save",
    "rules_seed",
    "scan",
    "seen_admit",
    "technical_detect",
]
