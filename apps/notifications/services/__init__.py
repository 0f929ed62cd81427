"""Every write of the notifications room."""

from apps.notifications.services.attachments import attachment_store
from apps.notifications.services.channels import channels_described
from apps.notifications.services.codes import code_confirm, code_send, codes_prune, link_follow, link_start
from apps.notifications.services.deliver import DeliverReport, deliver
from apps.notifications.services.digests import digests_send
from apps.notifications.services.endpoints import (
    endpoint_add,
    endpoint_change,
    endpoint_create,
    endpoint_disable,
    endpoint_remove,
    endpoint_verify,
)
from apps.notifications.services.letters import letters_post
from apps.notifications.services.notifications import notification_create, notifications_create
from apps.notifications.services.profiles import profile_use
from apps.notifications.services.prune import prune
from apps.notifications.services.reach import reach_set, report_done
from apps.notifications.services.sms_status import sms_status_take
from apps.notifications.services.statistics import statistics_prune, statistics_roll
from apps.notifications.services.sweep import deliveries_sweep, delivery_replay
from apps.notifications.services.templates import (
    template_activate,
    template_create,
    template_deactivate,
    template_weigh,
    templates_seed,
)
from apps.notifications.services.tryout import endpoint_try
from apps.notifications.services.variants import variants_shift

__all__ = [
    "DeliverReport",
    "attachment_store",
    "channels_described",
    "code_confirm",
    "code_send",
    "codes_prune",
    "deliver",
    "deliveries_sweep",
    "delivery_replay",
    "digests_send",
    "endpoint_add",
    "endpoint_change",
    "endpoint_create",
    "endpoint_disable",
    "endpoint_remove",
    "endpoint_try",
    "endpoint_verify",
    "letters_post",
    "link_follow",
    "link_start",
    "notification_create",
    "notifications_create",
    "profile_use",
    "prune",
    "reach_set",
    "report_done",
    "sms_status_take",
    "statistics_prune",
    "statistics_roll",
    "template_activate",
    "template_create",
    "template_deactivate",
    "template_weigh",
    "templates_seed",
    "variants_shift",
]
