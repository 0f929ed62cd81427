"""The Celery application. `DJANGO_SETTINGS_MODULE` has to be set before it is made: that is what gives its tasks the
Django fix-ups (connections closed around tasks, `delay_on_commit`)."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arbedge.settings")

app = Celery("arbedge", task_cls="apps.core.queue:Task")
# "Current" is kept per thread: without a default, a web server's threads would publish with an app of no configuration.
app.set_default()
app.config_from_object("celeryconfig")
app.autodiscover_tasks()
