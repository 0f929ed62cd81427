"""Twilio's Messages API. Numbers that refuse are Twilio's own magic ones:
https://www.twilio.com/docs/iam/test-credentials#test-sms-messages; errors: https://www.twilio.com/docs/api/errors

Where a message names a `StatusCallback`, Twilio tells there what became of it, signed
(https://www.twilio.com/docs/usage/security#validating-requests). A number that ends with 30003 to 30008 is one whose
network refuses the message with that error; all others get theirs."""

import asyncio
import base64
import hashlib
import hmac
import math
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import orjson
from aiohttp import ClientError, ClientSession, ClientTimeout

from sandbox.calls import Answer, Call, json_answer
from sandbox.inbox import Inbox
from sandbox.providers.buckets import Buckets, Rate

HOST = "api.twilio.com"
# The account that the sandbox knows; no secret.
ACCOUNT = "AC" + "5a4db0" + "0" * 26
TOKEN = "sandbox-auth-token"  # noqa: S105
SENDER = "+15005550006"
PATH = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
BODY_LIMIT = 1600
# Networks take a moment; senders write down what they sent meanwhile.
STATUS_AFTER_S = 0.3
_NETWORK_ERRORS = ("30003", "30004", "30005", "30006", "30007", "30008")
PER_ACCOUNT = Rate(100, 1.0, 100)
_REFUSED = {
    "+15005550001": (21211, "Invalid 'To' Phone Number"),
    "+15005550002": (21612, "The 'To' phone number is not currently reachable using the 'From' phone number"),
    "+15005550003": (21408, "Permission to send an SMS has not been enabled for the region"),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient"),
    "+15005550009": (21614, "'To' number is not a valid mobile number"),
}
# 3GPP TS 23.038: what fits into seven bits, and what takes an escape besides.
_SEVEN_BITS = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà\f^{}\\[~]|€"
)
_ESCAPED = set("\f^{}\\[~]|€")


class Twilio:
    """api.twilio.com."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._buckets = Buckets()
        self._telling: set[asyncio.Task[None]] = set()

    def reset(self) -> None:
        """A full bucket."""
        self._buckets.clear()

    def scopes(self, call: Call) -> list[tuple[str, Rate]]:
        """Every call counts for the account."""
        del call
        return [("account", PER_ACCOUNT)]

    def answer(self, call: Call) -> Answer:
        """Put one message into the queue."""
        wanted = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if {name.lower(): value for name, value in call.headers.items()}.get("authorization") != wanted:
            return _failure(401, 20003, "Authenticate")
        if call.path != PATH:
            return _failure(404, 20404, f"The requested resource {call.path} was not found")
        if call.method != "POST":
            return _failure(405, 20004, "Method not allowed")
        wait = self._buckets.take(self.scopes(call), call.now)
        if wait > 0.0:
            answer = _failure(429, 20429, "Too Many Requests")
            return Answer(answer.status, answer.body, {**answer.headers, "Retry-After": str(math.ceil(wait))})
        form = {name: values[0] for name, values in parse_qs(call.body.decode(errors="replace")).items()}
        problem = _problem(form)
        return _failure(400, *problem) if problem else self._queued(form, call.now)

    def error(self, status: int, retry_after: int | None) -> bytes:
        """Twilio's own wording of an error status."""
        return _failure(status, {429: 20429, 503: 20503}.get(status, 20500), "a fault was asked for").body

    def _queued(self, form: dict[str, str], now: float) -> Answer:
        sid = "SM" + secrets.token_hex(16)
        body = form["Body"]
        count = segment_count(body)
        self._inbox.add(
            provider="sms", to=form["To"], body=body, at=now, sid=sid, num_segments=count,
            validity_s=int(form.get("ValidityPeriod", "14400")), sender=form.get("From") or form["MessagingServiceSid"],
        )  # fmt: skip
        made: dict[str, Any] = {
            "sid": sid, "status": "queued", "to": form["To"], "from": form.get("From"), "body": body,
            "num_segments": str(count), "error_code": None, "error_message": None,
        }  # fmt: skip
        if form.get("StatusCallback"):
            telling = asyncio.get_running_loop().create_task(
                _tell(form["StatusCallback"], status_form(form["To"], sid))
            )
            self._telling.add(telling)
            telling.add_done_callback(self._telling.discard)
        return json_answer(made, 201)


def status_form(to: str, sid: str) -> dict[str, str]:
    """What is told of a message in the end."""
    error = to[-5:] if to.endswith(_NETWORK_ERRORS) else ""
    form = {"AccountSid": ACCOUNT, "From": SENDER, "To": to, "MessageSid": sid, "SmsSid": sid}
    status = "undelivered" if error else "delivered"
    return form | {"MessageStatus": status, "SmsStatus": status} | ({"ErrorCode": error} if error else {})


def signature(url: str, form: Mapping[str, str]) -> str:
    """Of a callback: its URL and its sorted form, with the account's token."""
    signed = url + "".join(f"{name}{value}" for name, value in sorted(form.items()))
    return base64.b64encode(hmac.new(TOKEN.encode(), signed.encode(), hashlib.sha1).digest()).decode()


async def _tell(url: str, form: Mapping[str, str]) -> None:
    await asyncio.sleep(STATUS_AFTER_S)
    try:
        async with (
            ClientSession(timeout=ClientTimeout(total=10)) as session,
            session.post(url, data=form, headers={"X-Twilio-Signature": signature(url, form)}),
        ):
            return
    except (ClientError, TimeoutError) as error:
        print(f"sandbox: no status callback to {url}: {error}", flush=True)


def segment_count(body: str) -> int:
    """Segments, packed one character after the other; none is torn in two."""
    seven = set(body) <= _SEVEN_BITS
    alone, part = (160, 153) if seven else (70, 67)
    sizes = [1 + (c in _ESCAPED) if seven else len(c.encode("utf-16-le")) // 2 for c in body]
    if sum(sizes) <= alone:
        return 1
    parts = [0]
    for size in sizes:
        if parts[-1] + size > part:
            parts.append(0)
        parts[-1] += size
    return len(parts)


def _problem(form: dict[str, str]) -> tuple[int, str] | None:
    to, body = form.get("To", ""), form.get("Body", "")
    if not to.startswith("+") or not to[1:].isdigit() or not 7 <= len(to) <= 16:
        return 21211, f"Invalid 'To' Phone Number: {to}"
    if to in _REFUSED:
        return _REFUSED[to]
    if form.get("From") != SENDER and not form.get("MessagingServiceSid", "").startswith("MG"):
        return 21606, "The 'From' phone number provided is not a valid message-capable Twilio phone number"
    if not body.strip():
        return 21602, "Message body is required."
    if len(body) > BODY_LIMIT:
        return 21617, "The concatenated message body exceeds the 1600 character limit."
    return None


def _failure(status: int, code: int, words: str) -> Answer:
    body = {"code": code, "message": words, "more_info": f"https://www.twilio.com/docs/errors/{code}", "status": status}
    return Answer(status, orjson.dumps(body), {"Content-Type": "application/json"})
