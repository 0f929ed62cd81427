"""The processes of an installation, written down once: `make run` starts them, the compose file mirrors them."""

import sys
from dataclasses import dataclass

_CELERY = (sys.executable, "-m", "celery", "-A", "arbedge.celery")


@dataclass(frozen=True, slots=True)
class Process:
    """One process: its name in the log and the command that runs it."""

    name: str
    argv: tuple[str, ...]


def _worker(name: str, queues: str, pool: str, concurrency: int) -> Process:
    return Process(
        name,
        (*_CELERY, "worker", "-n", f"{name}@%h", "-Q", queues, "-P", pool, "-c", str(concurrency))
        # Gossip and mingle are chatter between workers that nothing here listens to.
        + ("--without-gossip", "--without-mingle", "-l", "INFO"),
    )


def processes(*, web_port: int, flower_port: int, streaming: bool) -> tuple[Process, ...]:
    """Everything but the stores and the sandbox, in the order of starting; `streaming`: some exchanges are streamed."""
    stream = (Process("stream", (sys.executable, "manage.py", "stream")),) if streaming else ()
    return (
        Process(
            "web",
            (sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(web_port))
            # Backpressure is how many connections one worker serves; the front bounds what it works on by itself.
            + ("--workers", "1", "--loop", "uvloop", "--no-ws", "--backlog", "4096", "--backpressure", "10000")
            # Open streams would hold a worker that is to stop.
            + ("--workers-kill-timeout", "10", "arbedge.asgi:application"),
        ),
        # In the order of urgency. A stalled exchange holds a few threads for some seconds; the others go on.
        _worker("market", "market.books,market.quotes,market.funding,market.slow", "threads", 32),
        *stream,
        _worker("detect", "detect", "prefork", 1),
        _worker("notify-fast", "notify.critical,notify.high", "threads", 4),
        # At least a thread per queue: a run of one priority never waits for a run of another.
        _worker("notify-rest", "notify.medium,notify.low,notify.background", "threads", 3),
        _worker("default", "default", "prefork", 1),
        Process(
            "beat",
            (*_CELERY, "beat", "-S", "apps.core.beat:Scheduler", "--max-interval", "1")
            # The pid file would outlive a kill and then keep beat from starting.
            + ("--pidfile", "", "-l", "WARNING"),
        ),
        Process(
            "flower",
            (*_CELERY, "flower", "--address=127.0.0.1", f"--port={flower_port}", "--read-only", "--max-tasks=5000"),
        ),
    )
