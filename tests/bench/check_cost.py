"""`manage.py check` against an empty project with the same third-party apps and their pages (admin, API document)."""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

ROUNDS = 5
MOST = 1.3
HOME = Path(__file__).resolve().parents[2]
_EMPTY = """
import os, sys
from django.conf import settings
settings.configure(
    SECRET_KEY="empty", INSTALLED_APPS={apps!r}, ROOT_URLCONF="urls", USE_TZ=True, STATIC_URL="/static/",
    DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}},
    MIDDLEWARE={middleware!r}, TEMPLATES={templates!r}, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""


def figures() -> Iterator[dict[str, Any]]:
    """Seconds of CPU of a whole process, the least of rounds in turns."""
    with tempfile.TemporaryDirectory() as folder:
        _empty_project(Path(folder))
        ours, empty = [], []
        for _ in range(ROUNDS):
            ours.append(_cpu_s(HOME))
            empty.append(_cpu_s(Path(folder)))
    value, control = min(ours), min(empty)
    yield {
        "bench": "check_cost",
        "value": round(value, 2),
        "unit": "s",
        "control": round(control, 2),
        "ratio": round(value / control, 2),
        "ok": value / control <= MOST,
    }


def _empty_project(folder: Path) -> None:
    """The third-party apps of our settings and nothing else; the admin because its discovery is a cost of theirs."""
    apps = [name for name in settings.INSTALLED_APPS if not name.startswith(("apps.", "arbedge"))]
    middleware = [name for name in settings.MIDDLEWARE if not name.startswith(("apps.", "arbedge"))]
    templates = [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ]
    (folder / "manage.py").write_text(_EMPTY.format(apps=apps, middleware=middleware, templates=templates))
    (folder / "urls.py").write_text(
        "from django.contrib import admin\nfrom django.urls import path\n"
        "from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView\n"
        "urlpatterns = [path('admin/', admin.site.urls), path('schema/', SpectacularAPIView.as_view(), name='schema'),"
        " path('docs/', SpectacularSwaggerView.as_view())]\n"
    )


def _cpu_s(project: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ if project == HOME else {"PATH": os.environ["PATH"]}
    subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=project, env=environment, check=True, capture_output=True, text=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
