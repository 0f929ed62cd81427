"""The stand-ins of push services, Firebase, Twilio, Pushover and ntfy.sh: what they refuse, in whose words."""

import base64
import json
import time
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from apps.notifications.channels import webpush
from sandbox.providers import fcm, twilio
from tests.sandbox.conftest import Reply, http
from tests.sandbox_process import Sandbox

KEY = ec.generate_private_key(ec.SECP256R1())
LOGIN = "Basic " + base64.b64encode(f"{twilio.ACCOUNT}:{twilio.TOKEN}".encode()).decode()


# --- web push ---------------------------------------------------------------------------------------------------------


def vapid(url: str, **claims: Any) -> str:
    origin = "/".join(url.split("/")[:3])
    made = {"aud": origin, "exp": int(time.time()) + 3600, "sub": "mailto:a@b.test", **claims}
    return f"vapid t={jwt.encode(made, KEY, algorithm='ES256')}, k={webpush.public_key_text(KEY)}"


def push(outside: Sandbox, *, body: bytes | None = None, name: str = "laptop", **headers: str | None) -> Reply:
    subscription = outside.subscription(name)
    url, keys = subscription["endpoint"], webpush.keys_read(**subscription["keys"])
    sent = {
        "Authorization": vapid(url), "TTL": "60", "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
    } | {name.replace("_", "-"): value for name, value in headers.items()}  # fmt: skip
    return http(
        url,
        method="POST",
        body=webpush.encrypt(b'{"title": "t"}', keys) if body is None else body,
        headers={name: value for name, value in sent.items() if value is not None},
    )


def test_a_good_push_is_opened_and_kept(outside: Sandbox) -> None:
    assert push(outside, Urgency="high", Topic="abc").status == 201
    (one,) = outside.received("push")
    assert one["body"] == {"title": "t"}
    assert (one["to"], one["ttl"], one["urgency"], one["topic"]) == ("laptop", 60, "high", "abc")
    assert one["vapid"]["sub"] == "mailto:a@b.test"


def test_a_push_that_is_wrong_is_refused_by_number(outside: Sandbox) -> None:
    url = outside.subscription("laptop")["endpoint"]
    day = int(time.time()) + 90_000
    cases = [
        (push(outside, Authorization=None), 401, 109),
        (push(outside, Authorization=vapid(url, aud="https://elsewhere.test")), 401, 109),
        (push(outside, Authorization=vapid(url, exp=1)), 401, 109),
        (push(outside, Authorization=vapid(url, exp=day)), 401, 109),
        (push(outside, Authorization=vapid(url, sub="me")), 401, 109),
        (push(outside, Authorization=vapid(url).replace("k=B", "k=C")), 401, 109),
        (push(outside, TTL=None), 400, 111),
        (push(outside, Topic="x" * 33), 400, 113),
        (push(outside, Urgency="now"), 400, 114),
        (push(outside, Content_Encoding="aesgcm"), 400, 110),
        (push(outside, body=b"x" * 4097), 413, 104),
        (push(outside, body=b"x" * 300), 400, 110),
        (push(outside, body=b"x"), 400, 110),
        (push(outside, name="gone"), 410, 106),
        (push(outside, name="unknown"), 404, 102),
    ]
    assert [(reply.status, reply.json["errno"]) for reply, _, _ in cases] == [(s, e) for _, s, e in cases]
    assert outside.received() == []


# --- Firebase ---------------------------------------------------------------------------------------------------------


def token(outside: Sandbox, **claims: Any) -> Reply:
    account = outside.service_account()["account"]
    now = int(time.time())
    made = {
        "iss": account["client_email"], "scope": fcm.SCOPE, "aud": fcm.TOKEN_URL, "iat": now, "exp": now + 3600,
        **claims,
    }  # fmt: skip
    assertion = jwt.encode(made, account["private_key"], algorithm="RS256")
    body = urlencode({"grant_type": fcm.GRANT, "assertion": assertion}).encode()
    return http(f"{outside.url}/{fcm.TOKEN_URL}", method="POST", body=body)


def send(outside: Sandbox, message: Any, *, bearer: str | None = None, project: str = fcm.PROJECT) -> Reply:
    bearer = token(outside).json["access_token"] if bearer is None else bearer
    return http(
        f"{outside.url}/https://{fcm.HOST}/v1/projects/{project}/messages:send",
        method="POST",
        body=json.dumps({"message": message}).encode(),
        headers={"Authorization": f"Bearer {bearer}"},
    )


def phone(**fields: Any) -> dict[str, Any]:
    return {"token": "device-token-0123456789", "notification": {"title": "t"}, **fields}


def test_a_token_is_given_for_a_good_assertion_only(outside: Sandbox) -> None:
    assert token(outside).json["expires_in"] == 3599
    now = int(time.time())
    bad: list[dict[str, Any]] = [
        {"iss": "other"}, {"aud": "https://elsewhere.test"}, {"exp": now - 10}, {"exp": now + 7200}, {"scope": "all"},
    ]  # fmt: skip
    assert [token(outside, **claims).status for claims in bad] == [400] * 5
    other = jwt.encode({"iss": fcm.EMAIL}, "s" * 40, algorithm="HS256")
    body = urlencode({"grant_type": fcm.GRANT, "assertion": other}).encode()
    assert http(f"{outside.url}/{fcm.TOKEN_URL}", method="POST", body=body).json["error"] == "invalid_grant"


def code_of(reply: Reply) -> str:
    error = reply.json["error"]
    return str(error.get("details", [{"errorCode": error["status"]}])[0]["errorCode"])


def test_what_firebase_takes_and_refuses(outside: Sandbox) -> None:
    assert send(outside, phone(data={"url": "u"})).json["name"].startswith(f"projects/{fcm.PROJECT}/messages/")
    cases = [
        (send(outside, phone(), bearer="nobody's"), 401, "UNAUTHENTICATED"),
        (send(outside, phone(), project="other"), 403, "PERMISSION_DENIED"),
        (send(outside, phone(token="unregistered-device-token")), 404, "UNREGISTERED"),
        (send(outside, phone(token="mismatch-device-token-0")), 403, "SENDER_ID_MISMATCH"),
        (send(outside, phone(token="no token")), 400, "INVALID_ARGUMENT"),
        (send(outside, phone(data={"n": 1})), 400, "INVALID_ARGUMENT"),
        (send(outside, phone(data={"n": "x" * 4096})), 400, "INVALID_ARGUMENT"),
        (send(outside, phone(android={"ttl": "soon"})), 400, "INVALID_ARGUMENT"),
        (send(outside, phone(android={"ttl": "2419201s"})), 400, "INVALID_ARGUMENT"),
        (send(outside, phone(android={"priority": "URGENT"})), 400, "INVALID_ARGUMENT"),
        (send(outside, {"token": "device-token-0123456789"}), 400, "INVALID_ARGUMENT"),
        (send(outside, []), 400, "INVALID_ARGUMENT"),
    ]
    assert [(reply.status, code_of(reply)) for reply, _, _ in cases] == [(s, c) for _, s, c in cases]
    assert len(outside.received("fcm")) == 1


# --- Twilio -----------------------------------------------------------------------------------------------------------


def text(outside: Sandbox, *, login: str = LOGIN, path: str = twilio.PATH, **form: str) -> Reply:
    filled = {"To": "+4915123456789", "From": twilio.SENDER, "Body": "hello", **form}
    headers = {"Authorization": login}
    body = urlencode(filled).encode()
    return http(f"{outside.url}/https://{twilio.HOST}{path}", method="POST", body=body, headers=headers)


def test_what_twilio_takes_and_refuses(outside: Sandbox) -> None:
    taken = text(outside, Body="€" * 81, ValidityPeriod="60")
    assert (taken.status, taken.json["status"], taken.json["num_segments"]) == (201, "queued", "2")
    cases = [
        (text(outside, login="Basic x"), 401, 20003),
        (text(outside, path="/2010-04-01/Accounts/AC1/Messages.json"), 404, 20404),
        (text(outside, To="015123456789"), 400, 21211),
        *((text(outside, To=number), 400, code) for number, (code, _) in twilio._REFUSED.items()),
        (text(outside, From="+15005550007"), 400, 21606),
        (text(outside, Body=" "), 400, 21602),
        (text(outside, Body="x" * 1601), 400, 21617),
    ]
    assert [(reply.status, reply.json["code"]) for reply, _, _ in cases] == [(s, c) for _, s, c in cases]
    (one,) = outside.received("sms")
    assert (one["to"], one["validity_s"], one["num_segments"]) == ("+4915123456789", 60, 2)


# --- Pushover and ntfy.sh ---------------------------------------------------------------------------------------------


def pushover(outside: Sandbox, **form: str) -> Reply:
    body = urlencode({"token": "a" * 30, "user": "u" * 30, "message": "m", **form}).encode()
    return http(f"{outside.url}/https://api.pushover.net/1/messages.json", method="POST", body=body)


def test_what_pushover_takes_and_refuses(outside: Sandbox) -> None:
    assert pushover(outside, title="t").json["status"] == 1
    bad = [{"token": "bad" + "a" * 27}, {"user": "gone" + "u" * 26}, {"user": "short"}, {"message": " "},
           {"message": "x" * 1025}, {"title": "x" * 251}]  # fmt: skip
    replies = [pushover(outside, **form) for form in bad]
    assert {(reply.status, reply.json["status"]) for reply in replies} == {(400, 0)}
    (one,) = outside.received("custom")
    assert (one["service"], one["to"], one["title"], one["body"]) == ("pushover", "u" * 30, "t", "m")


def ntfy(outside: Sandbox, body: bytes) -> Reply:
    return http(f"{outside.url}/https://ntfy.sh/", method="POST", body=body)


def test_ntfy_takes_sixty_at_once_and_then_one_in_five_seconds(outside: Sandbox) -> None:
    def publish() -> Reply:
        return ntfy(outside, b'{"topic": "t", "message": "m"}')

    replies = [publish()]
    # Slowly asked, it takes a few more; asked at any sensible pace it refuses in the end.
    while replies[-1].status == 200 and len(replies) < 200:
        replies.append(publish())
    assert len(replies) > 60
    reply = replies[-1]
    assert (reply.status, reply.json["code"]) == (429, 42901)
    assert 1 <= int(reply.headers["retry-after"]) <= 5
    assert len(outside.received("custom")) == len(replies) - 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[]", 40024),
        (b"no json", 40024),
        (b'{"topic": "a b"}', 40009),
        (json.dumps({"topic": "t", "message": "x" * 4097}).encode(), 41301),
    ],
)
def test_what_ntfy_refuses(outside: Sandbox, body: bytes, code: int) -> None:
    assert ntfy(outside, body).json["code"] == code
    assert outside.received() == []
