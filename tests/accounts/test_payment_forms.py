"""What a signed message may not hold: refused with a reason, before anything is stored."""

import json
from typing import Any

import pytest

from apps.accounts.exceptions import PaymentRefused
from apps.accounts.models import PaymentEvent
from apps.accounts.services import payment_apply
from apps.core import clock

_BOUGHT = {"subscription": "sub_1", "user": "ada@example.test", "plan": "premium", "amount": "1", "currency": "usd"}


@pytest.mark.parametrize(
    "change",
    [
        *({"amount": amount} for amount in ("NaN", "sNaN", "Infinity", "-Infinity", "1e40", 10**30)),
        *({name: "a\0"} for name in ("subscription", "user", "plan", "currency")),
    ],
)
def test_no_sum_and_no_text_that_can_not_be_kept(db: None, change: dict[str, Any]) -> None:
    _refused({"type": "subscription.started", "data": _BOUGHT | change})


def test_no_type_that_can_not_be_kept(db: None) -> None:
    _refused({"type": "subscription\0", "data": _BOUGHT})


def _refused(message: dict[str, Any]) -> None:
    body = json.dumps(message | {"timestamp": clock.wall_now().isoformat()}).encode()
    with pytest.raises(PaymentRefused) as caught:
        payment_apply(event_id="msg_1", body=body, now=clock.wall_now())
    assert caught.value.code == "bad_message"
    assert not PaymentEvent.objects.exists()
