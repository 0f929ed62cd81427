"""What a run is made of: its mode, its folder, its ports and the environment of its processes."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.fernet import Fernet

from apps.notifications.channels import webpush
from arbedge.run.ports import free_ports, is_free
from arbedge.run.redis_server import RedisServer

ROOT = Path(__file__).resolve().parent.parent.parent


class UnusableRun(RuntimeError):
    """The run can't start as asked; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Mode:
    """`sandbox`, `replay` or `live`. Each keeps its state in a folder of its own: they never share a database, a
    Redis or a file."""

    name: str
    folder: Path
    web_port: int
    flower_port: int
    sandbox_port: int
    smtp_port: int
    replay: str
    replay_at: str

    @property
    def has_sandbox(self) -> bool:
        """Whether the outside world is played by the sandbox."""
        return self.name != "live"

    @property
    def urls(self) -> dict[str, str]:
        """Addresses of the faces."""
        urls = {"web": f"http://127.0.0.1:{self.web_port}", "flower": f"http://127.0.0.1:{self.flower_port}"}
        return urls | ({"sandbox": f"http://127.0.0.1:{self.sandbox_port}"} if self.has_sandbox else {})


def mode_read(environ: Mapping[str, str], *, live: bool) -> Mode:
    """The mode that the environment asks for; its state goes below VAR_DIR (default `var/`).

    Raises `UnusableRun` for ports in use, a missing folder or a moment that is none."""
    replay, replay_at = environ.get("REPLAY", ""), environ.get("REPLAY_AT", "")
    if live and (replay or replay_at):
        raise UnusableRun("REPLAY and REPLAY_AT are for `make run`: live data is not replayed.")
    if bool(replay) != bool(replay_at):
        raise UnusableRun(
            "A replay needs both: REPLAY=DIR and REPLAY_AT=time, for example REPLAY_AT=2023-08-16T05:19:27Z."
        )
    if replay and not Path(replay).is_dir():
        raise UnusableRun(f"REPLAY={replay} is not a folder: give the folder that holds the *.har or *.har.gz files.")
    if replay_at:
        _moment(replay_at)
    var = Path(environ.get("VAR_DIR") or ROOT / "var").resolve()
    name = "live" if live else "replay" if replay else "sandbox"
    ports = {
        variable: _port(environ, variable, default)
        for variable, default in (("WEB_PORT", 8000), ("FLOWER_PORT", 5555), ("SANDBOX_PORT", 9100))
        if not (live and variable == "SANDBOX_PORT")
    }
    if len(set(ports.values())) != len(ports):
        raise UnusableRun(f"The same port is asked for twice: {ports}.")
    return Mode(
        name=name,
        folder=var / name,
        web_port=ports["WEB_PORT"],
        flower_port=ports["FLOWER_PORT"],
        sandbox_port=ports.get("SANDBOX_PORT", 0),
        smtp_port=0 if live else free_ports(1)[0],
        replay=str(Path(replay).resolve()) if replay else "",
        replay_at=replay_at,
    )


def run_secrets(folder: Path) -> dict[str, str]:
    """The secrets of this folder's state: made at the first run, kept for the next, readable by the owner only."""
    path = folder / "secrets.json"
    stored: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    made = {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "VAULT_KEYS": Fernet.generate_key().decode(),
        "REDIS_PASSWORD": secrets.token_urlsafe(24),
        "FLOWER_PASSWORD": secrets.token_urlsafe(12),
        "VAPID_PRIVATE_KEY": webpush.private_key_new(),
    } | stored
    if made == stored:
        return stored
    folder.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(made))
    return made


def stores(mode: Mode, password: str) -> tuple[RedisServer, RedisServer]:
    """The two private Redis servers of a run: state (broker, locks, limits) and cache."""
    state_port, cache_port = free_ports(2)
    return (
        RedisServer(mode.folder / "redis-state", state_port, password, evicting=False),
        RedisServer(mode.folder / "redis-cache", cache_port, password, evicting=True),
    )


def environment(
    mode: Mode, *, base: Mapping[str, str], secret: Mapping[str, str], state: RedisServer, cache: RedisServer
) -> dict[str, str]:
    """The environment of every process of the run; nothing of it can point at another mode's stores."""
    env = dict(base) | {
        "DJANGO_SETTINGS_MODULE": "arbedge.settings",
        "PYTHONUNBUFFERED": "1",
        "DEVELOPMENT": "true",
        "SECRET_KEY": secret["SECRET_KEY"],
        "VAULT_KEYS": secret["VAULT_KEYS"],
        "VAR_DIR": str(mode.folder),
        "DATABASE_URL": f"sqlite:///{mode.folder / 'arbedge.sqlite3'}",
        "REDIS_URL": state.url,
        "CELERY_BROKER_URL": state.url,
        "CACHE_URL": cache.url,
        "PUBLIC_URL": mode.urls["web"],
        "FLOWER_URL": mode.urls["flower"],
        "FLOWER_BASIC_AUTH": f"operator:{secret['FLOWER_PASSWORD']}",
        "SANDBOX_URL": mode.urls.get("sandbox", ""),
        "REPLAY_AT": mode.replay_at,
    }
    if mode.has_sandbox:
        env |= {
            # Not a secret: the token that the sandbox's Telegram knows.
            "TELEGRAM_BOT_TOKEN": "100:sandbox-bot-token",
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(mode.smtp_port),
            "SMTP_SECURITY": "none",
            "VAPID_PRIVATE_KEY": secret["VAPID_PRIVATE_KEY"],
            "VAPID_SUBJECT": "mailto:operator@demo.arbedge.test",
        }
    return env


def _port(environ: Mapping[str, str], variable: str, default: int) -> int:
    raw = environ.get(variable, "") or str(default)
    if not raw.isdigit() or not 1 <= int(raw) <= 65535:
        raise UnusableRun(f"{variable}={raw!r} is not a port: use a number in 1..65535.")
    if not is_free(int(raw)):
        raise UnusableRun(f"Port {raw} is in use. Stop what listens there, or choose another: make run {variable}=PORT")
    return int(raw)


def _moment(text: str) -> None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UnusableRun(f"REPLAY_AT={text!r} is not a moment with a zone: write it like 2023-08-16T05:19:27Z.")


def process_environ() -> dict[str, str]:
    """The caller's environment, without what would steer ArbEdge to another installation's stores."""
    steering = {
        "DATABASE_URL",
        "REDIS_URL",
        "CACHE_URL",
        "CELERY_BROKER_URL",
        "SANDBOX_URL",
        "DEBUG",
        "REPLAY_STARTED_AT",
    }
    return {name: value for name, value in os.environ.items() if name not in steering}
