"""What exchanges that the sandbox signs for nobody document, as readers understand it; what they don't document is no
right at all but an answer that can't be read."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from apps.accounts.enums import KeyRights
from apps.accounts.key_forms import FORMS
from apps.core.exceptions import TemporaryError
from apps.portfolio.key_rights.registry import READERS


@dataclass
class Told:
    """One reply."""

    value: Any


class Exchange:
    """Answers as it was told to, by method."""

    exchange, api_key = "htx", "its-api-key"

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[Any, ...]] = []

    async def call(self, method: str, *args: Any) -> Told:
        self.asked.append((method, *args))
        return Told(self.answers[method])


def rights(exchange: str, client: Exchange) -> KeyRights:
    return asyncio.run(READERS.get(exchange)().rights(client))


@pytest.mark.parametrize(
    ("permission", "expected"),
    [
        ("readOnly", KeyRights.READ),
        ("readOnly,trade", KeyRights.TRADE),
        ("readOnly,trade,withdraw", KeyRights.WITHDRAW),
        ("readOnly,withdraw", KeyRights.WITHDRAW),
    ],
)
def test_htx_tells_of_the_key_it_is_asked_about(permission: str, expected: KeyRights) -> None:
    key = {"accessKey": "its-api-key", "status": "normal", "permission": permission, "ipAddresses": ""}
    client = Exchange(
        spotPrivateGetV2UserUid={"code": 200, "data": 63628520},
        spotPrivateGetV2UserApiKey={"code": 200, "data": [key]},
    )
    assert rights("htx", client) is expected
    assert client.asked[1][1] == {"uid": 63628520, "accessKey": "its-api-key"}


@pytest.mark.parametrize(
    ("exchange", "method", "answer"),
    [
        ("binance", "sapiGetAccountApiRestrictions", {"enableReading": True}),
        ("bingx", "accountV1PrivateGetAccountApiPermissions", {"code": 0, "data": {"enableReading": True}}),
        ("bybit", "privateGetV5UserQueryApi", {"result": {"permissions": {}}}),
        ("coinbase", "v3PrivateGetBrokerageKeyPermissions", {"can_trade": False}),
        ("htx", "spotPrivateGetV2UserUid", {"code": 200}),
        ("kraken", "privatePostGetApiKeyInfo", {"error": [], "result": {}}),
        ("kucoin", "privateGetUserApiKey", {"data": {}}),
        ("okx", "privateGetAccountConfig", {"code": "0", "data": []}),
    ],
)
def test_a_field_that_is_missing_never_counts_as_a_right_that_is_missing(
    exchange: str, method: str, answer: Any
) -> None:
    with pytest.raises(TemporaryError) as caught:
        rights(exchange, Exchange(**{method: answer}))
    assert caught.value.code == "unreadable"


def test_every_exchange_whose_keys_are_taken_has_a_reader_with_its_source() -> None:
    assert set(READERS.names()) == set(FORMS)
    assert all(READERS.get(name).source.startswith("https://") for name in READERS.names())
