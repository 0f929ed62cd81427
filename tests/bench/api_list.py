"""The list of opportunities for signed-in users over many open connections, against a plain `ModelViewSet` of the same
rows on the same server, and against what the server makes of a bare answer of the same length.

The load comes from a process of its own on the same machine. People are of all tiers; of a share of the answers it is
checked that they have as many rows as their tier allows."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.management import call_command

from apps.accounts.models import ApiToken, User
from apps.accounts.policies import COLUMNS
from apps.accounts.services import token_digest
from apps.core import clock, config
from apps.opportunities.models import Opportunity, Seen
from arbedge.run.ports import free_ports
from tests.other_processes import environment

LEVELS = (100, 300, 500, 1000, 2500, 5000, 10_000)
TIERS = ("free", "basic", "premium", "enterprise")
PEOPLE = 1200
ROWS = 60
SECONDS, WARM_S, FIRST_S = 3.0, 2.0, 5.0
# So many times the control's rate is promised, at each level; at the last one so much of the rate at 300, and so fast.
PROMISED, KEPT, P99_MS = 15, 0.7, 1000
LIST = "/api/v1/opportunities"


def figures() -> Iterator[dict[str, Any]]:
    """Requests a second at each level."""
    call_command("migrate", verbosity=0)
    people = _people()
    _opportunities()
    # The generator sends what no person would.
    for name in COLUMNS:
        config.config_set(key=f"tier.{name}.requests_per_minute", value=1_000_000, actor_id=None)
    with _server("tests.bench.api_site:application") as port:
        control = _load(port, "/control", 100, [(token, None) for token, _ in people], seconds=4.0)
        at: dict[int, dict[str, Any]] = {}
        # The first look of a day is counted into it.
        while Seen.objects.count() < sum(rows for _, rows in [*people[0::4], *people[1::4]]):
            _load(port, LIST, 64, people, seconds=FIRST_S)
        for connections in LEVELS:
            at[connections] = _load(port, LIST, connections, people)
        control_after = _load(port, "/control", 100, [(token, None) for token, _ in people], seconds=4.0)
    plain = (control["rate"] + control_after["rate"]) / 2
    for connections, got in at.items():
        ok = not got["errors"] and not got["wrong"] and got["rate"] >= PROMISED * plain and got["open"] == connections
        if connections == LEVELS[-1]:
            ok &= got["rate"] >= KEPT * at[300]["rate"] and got["p99_ms"] < P99_MS
        yield {
            "bench": "api_list",
            "connections": connections,
            "value": round(got["rate"]),
            "unit": "1/s",
            "control": round(plain),
            "ratio": round(got["rate"] / plain, 1),
            "errors": got["errors"],
            "wrong": got["wrong"],
            "first_error": got["first_error"][:200],
            "p50_ms": round(got["p50_ms"], 1),
            "p99_ms": round(got["p99_ms"], 1),
            "of_the_rate_at_300": round(got["rate"] / max(1.0, at[300]["rate"]), 2),
            "ok": ok,
        }


@contextmanager
def _server(application: str) -> Iterator[int]:
    """Granian as an installation runs it, with room for as many connections as the machine lets us open."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    [port] = free_ports(1)
    command = [
        *(sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "2", "--loop", "uvloop", "--no-ws", "--backlog", "4096", "--backpressure", "10000"),
        *("--workers-kill-timeout", "5", "--log-level", "warning", application),
    ]
    server = subprocess.Popen(command, env=environment(), stdout=sys.stderr, start_new_session=True)
    try:
        _wait(port)
        yield port
    finally:
        server.terminate()
        try:
            server.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _wait(port: int) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/stream", timeout=5)
        except urllib.error.HTTPError as error:
            if error.code == 401:
                # The other worker is as far within a moment.
                time.sleep(2)
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server does not answer")


def _load(
    port: int, path: str, connections: int, people: list[tuple[str, Any]], *, seconds: float = SECONDS
) -> dict[str, Any]:
    ask = {
        "port": port,
        "path": path,
        "connections": connections,
        "seconds": seconds,
        # All of them ask at once in the beginning.
        "warm_s": WARM_S + connections / 2500,
        "people": people,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.http_load"],
        input=json.dumps(ask),
        capture_output=True,
        text=True,
        env=os.environ,
        check=True,
        timeout=120,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _people() -> list[tuple[str, int]]:
    """(token, rows that they see) of everybody; the limited ones see what their day allows."""
    users = [User(email=f"p{number}@example.test", tier=TIERS[number % 4]) for number in range(PEOPLE)]
    User.objects.bulk_create(users, batch_size=500)
    tokens = [f"arb_{uuid.uuid4().hex}{uuid.uuid4().hex[:11]}" for _ in users]
    ApiToken.objects.bulk_create(
        [
            # Each token's first use of a day is audited, which would be what is measured.
            ApiToken(
                user=user, name="load", prefix=token[:10], digest=token_digest(token), last_used_at=clock.wall_now()
            )
            for user, token in zip(users, tokens, strict=True)
        ],
        batch_size=500,
    )
    seen = {
        name: min(column.list_limit, column.daily_arbitrage or column.list_limit) for name, column in COLUMNS.items()
    }
    return [(token, seen[user.tier]) for user, token in zip(users, tokens, strict=True)]


def _opportunities() -> None:
    now = clock.now()
    leg = {"symbol": "BTC/USDT", "amount": "1", "rate": None, "fee": "0.001"}
    Opportunity.objects.bulk_create(
        [
            Opportunity(
                id=uuid.uuid4(),
                fingerprint=f"listed-{number}",
                kind="cross_exchange",
                instrument="BTC",
                symbol="BTC/USDT",
                quote="USDT",
                status="active",
                gross_edge=Decimal("0.005"),
                net_edge=Decimal("0.003"),
                peak_net_edge=Decimal("0.003"),
                size=Decimal(1000),
                optimal_notional=Decimal(1000),
                max_notional=Decimal(2000),
                profit=Decimal(3),
                score=float(number),
                legs=[
                    {**leg, "exchange": "binance", "market_id": 1, "side": "buy", "price": "100"},
                    {**leg, "exchange": "okx", "market_id": 2, "side": "sell", "price": "101"},
                ],
                leg_count=2,
                origin=settings.ORIGIN,
                opened_at=now - timedelta(hours=1),
                activated_at=now - timedelta(hours=1),
                last_seen_at=now,
                expires_at=now + timedelta(hours=1),
            )
            for number in range(ROWS)
        ]
    )
