"""The test bed, a pytest plugin loaded before Django's settings: private stores and an environment of its own.

With ARBEDGE_TEST_SERVICES set, the stores are those that DATABASE_URL, REDIS_URL and CELERY_BROKER_URL name; they are
emptied by the tests. Otherwise each test process starts its own Redis pair and uses SQLite in a temporary folder."""

import atexit
import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet

from arbedge.run.ports import free_ports
from arbedge.run.redis_server import RedisServer

# What the caller's environment says, before it is replaced below.
GIVEN = dict(os.environ)
FOLDER = Path(tempfile.mkdtemp(prefix="arbedge-tests-"))
_servers: list[subprocess.Popen[bytes]] = []


def _redis(name: str, port: int, *, evicting: bool) -> str:
    server = RedisServer(FOLDER / name, port, secrets.token_urlsafe(12), evicting=evicting)
    with (FOLDER / f"{name}.log").open("wb") as log:
        _servers.append(subprocess.Popen(server.command(), stdout=log, stderr=log, start_new_session=True))
    server.wait_ready()
    return server.url


def _end() -> None:
    for server in _servers:
        server.terminate()
    for server in _servers:
        server.wait(timeout=10)
    shutil.rmtree(FOLDER, ignore_errors=True)


atexit.register(_end)
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "arbedge.settings",
    "DEVELOPMENT": "true",
    "SECRET_KEY": secrets.token_urlsafe(40),
    "VAULT_KEYS": Fernet.generate_key().decode(),
    "LOG_LEVEL": "INFO",
    "VAR_DIR": str(FOLDER),
    # The archive's thread outlives the test that started it, and would flush another test's spool.
    "ARCHIVE_QUOTES_S": "0",
    "ARCHIVE_FUNDING_S": "0",
}
for steering in ("DEBUG", "SANDBOX_URL", "REPLAY_AT", "REPLAY_STARTED_AT", "EXCHANGES", "PROFILE", "SMTP_HOST"):
    os.environ.pop(steering, None)
if os.environ.get("ARBEDGE_TEST_SERVICES"):
    os.environ.setdefault("CACHE_URL", os.environ["REDIS_URL"])
else:
    _state_port, _cache_port = free_ports(2)
    _state = _redis("state", _state_port, evicting=False)
    os.environ |= {
        "DATABASE_URL": f"sqlite:///{FOLDER / 'arbedge.sqlite3'}",
        "REDIS_URL": _state,
        "CELERY_BROKER_URL": _state,
        "CACHE_URL": _redis("cache", _cache_port, evicting=True),
    }
