"""What the sandbox counts of its senders: calls against published limits, also those that a fault answered."""

import smtplib

import pytest

from sandbox.providers.buckets import Rate
from sandbox.tally import Tally
from tests.sandbox.conftest import http
from tests.sandbox.test_chats import DISCORD, SLACK, post
from tests.sandbox_process import Sandbox

TELEGRAM = "https://api.telegram.org/bot100:sandbox-bot-token/sendMessage"


def counted(outside: Sandbox, host: str, scope: str) -> tuple[int, int]:
    """Calls, and how many were too many."""
    row = next(row for row in outside.limits() if (row["host"], row["scope"]) == (host, scope))
    return row["calls"], row["exceeded"]


def test_what_the_published_rate_would_not_grant_is_too_much() -> None:
    tally, rate = Tally(), Rate(2, 1.0, 2)
    for at in (0.0, 0.1, 0.2, 0.6, 5.0):
        tally.seen("chat.test", [("all", rate), (f"chat {at}", rate)], at)
    everybody, one = tally.describe()
    assert (everybody["scope"], everybody["calls"], everybody["exceeded"], everybody["worst"]) == ("all", 5, 1, ["all"])
    assert (one["scope"], one["calls"], one["exceeded"]) == ("chat", 5, 0)


@pytest.mark.parametrize("fault", [None, {"status": 500}, {"status": 429, "retry_after": 1}])
def test_calls_count_whatever_is_answered(outside: Sandbox, fault: dict[str, object] | None) -> None:
    outside.faults([{"host": "api.telegram.org", **fault}] if fault else [])
    for number in range(1, 6):
        post(outside, TELEGRAM, {"chat_id": 42, "text": f"hello {number}"})
    # "short bursts" of three are let pass, as the sandbox's Telegram lets them.
    assert counted(outside, "api.telegram.org", "chat") == (5, 2)
    assert counted(outside, "api.telegram.org", "all") == (5, 0)
    outside.reset()
    assert outside.limits() == []


def test_every_provider_with_limits_counts(outside: Sandbox) -> None:
    for _ in range(3):
        post(outside, SLACK, {"text": "hello"})
        post(outside, DISCORD, {"content": "hello"})
        http(f"{outside.url}/_sandbox/hooks/trader", method="POST", body=b"{}")
    assert counted(outside, "hooks.slack.com", "webhook") == (3, 1)
    assert counted(outside, "discord.com", "hook") == (3, 0)
    assert counted(outside, "hooks.sandbox.test", "url") == (3, 0)


def test_mail_counts_by_mailbox(outside: Sandbox) -> None:
    with smtplib.SMTP("127.0.0.1", outside.smtp_port, timeout=5) as client:
        for _ in range(6):
            client.sendmail("a@arbedge.test", ["trader@example.test"], "Subject: hi\r\n\r\nhello")
    assert counted(outside, "smtp", "mailbox") == (6, 1)
