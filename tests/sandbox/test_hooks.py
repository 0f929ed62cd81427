"""The webhook receiver and its check of signatures."""

import base64
import json
import time
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook

from tests.sandbox.conftest import Reply, http
from tests.sandbox_process import Sandbox

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 32).decode()
BODY = '{"edge": "0.0040"}'


def post(
    sandbox: Sandbox, name: str = "trader", *, secret: str = SECRET, body: str = BODY, age: float = 0, at: str = ""
) -> Reply:
    moment = datetime.fromtimestamp(int(time.time() - age), UTC)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", moment, body),
    }
    address = at or f"{sandbox.url}/_sandbox/hooks/{name}"
    return http(address, method="POST", body=body.encode(), headers=headers)


def test_a_good_signature_is_taken(outside: Sandbox) -> None:
    outside.secrets({"trader": SECRET})
    assert post(outside).status == 200
    (message,) = outside.received("webhook")
    assert message["to"] == "trader"
    assert message["body"] == {"edge": "0.0040"}
    assert message["signature_ok"] is True
    assert message["headers"]["webhook-id"] == "msg_1"


def test_both_addresses_are_one_receiver(outside: Sandbox) -> None:
    outside.secrets({"https://hooks.sandbox.test/desk/trader": SECRET})
    assert post(outside, at=f"{outside.url}/https://hooks.sandbox.test/desk/trader").status == 200
    assert post(outside, "desk/trader", secret=OTHER).status == 401
    assert [message["signature_ok"] for message in outside.received("webhook")] == [True, False]


@pytest.mark.parametrize("what", ["other secret", "old", "no headers", "malformed"])
def test_a_bad_signature_is_refused_and_kept(outside: Sandbox, what: str) -> None:
    outside.secrets({"trader": SECRET})
    address = f"{outside.url}/_sandbox/hooks/trader"
    malformed = {"webhook-id": "1", "webhook-timestamp": str(int(time.time())), "webhook-signature": "nonsense"}
    reply = {
        "other secret": lambda: post(outside, secret=OTHER),
        "old": lambda: post(outside, age=3600),
        "no headers": lambda: http(address, method="POST", body=b"{}"),
        "malformed": lambda: http(address, method="POST", body=b"{}", headers=malformed),
    }[what]()
    assert reply.status == 401
    (message,) = outside.received("webhook")
    assert message["signature_ok"] is False
    assert message["status"] == 401


def test_an_unchecked_hook_takes_anything(outside: Sandbox) -> None:
    reply = http(f"{outside.url}/_sandbox/hooks/any", method="POST", body=b"no json")
    assert reply.status == 200
    (message,) = outside.received("webhook")
    assert (message["body"], message["signature_ok"]) == ("no json", None)


def test_either_secret_serves_while_one_replaces_the_other(outside: Sandbox) -> None:
    both = json.dumps({"trader": [SECRET, OTHER]}).encode()
    assert http(f"{outside.url}/_sandbox/secrets", method="PUT", body=both).status == 200
    assert post(outside, secret=SECRET).status == 200
    assert post(outside, secret=OTHER).status == 200
    outside.secrets({"someone else": OTHER})
    assert post(outside, secret=SECRET).status == 200
    assert http(f"{outside.url}/_sandbox/secrets", method="PUT", body=b'{"trader": null}').status == 200
    post(outside, secret=SECRET)
    assert outside.received("webhook")[-1]["signature_ok"] is None


@pytest.mark.parametrize("secret", ["whsec_short", "whsec_" + "A_-b" * 12, base64.b64encode(b"k" * 32).decode()])
def test_a_secret_that_no_library_would_take_is_refused_whole(outside: Sandbox, secret: str) -> None:
    told = json.dumps({"first": SECRET, "trader": secret}).encode()
    reply = http(f"{outside.url}/_sandbox/secrets", method="PUT", body=told)
    assert reply.status == 400
    assert "trader" in reply.json["sandbox"]
    assert secret not in reply.json["sandbox"]
    post(outside, "first", secret=OTHER)
    assert outside.received("webhook")[0]["signature_ok"] is None


def test_only_post_is_a_webhook(outside: Sandbox) -> None:
    assert http(f"{outside.url}/_sandbox/hooks/trader").status == 405
    assert outside.received() == []
