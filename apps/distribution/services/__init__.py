"""Every write of the distribution room."""

from apps.distribution.services.alert_watch import alert_test, alerts_watch
from apps.distribution.services.alerts import AlertsFull, alert_change, alert_create, alert_remove
from apps.distribution.services.charts import charts_draw
from apps.distribution.services.groups import group_change, group_create, group_remove
from apps.distribution.services.prune import prune
from apps.distribution.services.reports import report_request, reports_send
from apps.distribution.services.running import run

__all__ = [
    "AlertsFull",
    "alert_change",
    "alert_create",
    "alert_remove",
    "alert_test",
    "alerts_watch",
    "charts_draw",
    "group_change",
    "group_create",
    "group_remove",
    "prune",
    "report_request",
    "reports_send",
    "run",
]
