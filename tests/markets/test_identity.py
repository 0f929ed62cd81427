"""Aliases and denied bases: applied by a sync that a change rings at once."""

import pytest
from django.core.exceptions import ValidationError
from pytest_django import Settings

from apps.markets import selectors, services
from apps.markets.models import DeniedBase, Exchange, InstrumentAlias, Market
from tests.markets.wire import BINANCE, BYBIT, Wire, binance_info, binance_symbol

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_state")]


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Exchanges whose sync was rung for."""
    calls: list[str] = []

    def ring(_task: str, *, key: str, **_: object) -> bool:
        calls.append(key)
        return True

    monkeypatch.setattr("apps.core.queue.ring", ring)
    return calls


def listed(wire: Wire, *bases: str) -> None:
    wire.say(f"{BINANCE}/exchangeInfo", binance_info(*(binance_symbol(base) for base in bases)))
    services.exchanges_setup()
    services.exchange_sync_markets(exchange="binance")


def identities() -> dict[str, tuple[str, int]]:
    rows = Market.objects.filter(active=True).values_list("base", "instrument", "multiplier")
    return {base: (instrument, multiplier) for base, instrument, multiplier in rows}


def test_an_alias_counts_before_the_rules_and_the_exchanges_own_before_the_general_one(binance: Wire) -> None:
    InstrumentAlias.objects.create(base="GTC", instrument="GITCOIN")
    InstrumentAlias.objects.create(base="BIFI", instrument="BIFI-OLD")
    InstrumentAlias.objects.create(exchange_id=_exchange("binance"), base="GTC", instrument="GTC@binance")
    InstrumentAlias.objects.create(exchange_id=_exchange("okx"), base="SOL", instrument="SOL@okx")
    InstrumentAlias.objects.create(base="1000PEPE", instrument="PEPE", multiplier=1_000_000)
    listed(binance, "GTC", "BIFI", "SOL", "1000PEPE", "1000SATS")
    assert identities() == {
        "GTC": ("GTC@binance", 1),
        "BIFI": ("BIFI-OLD", 1),
        "SOL": ("SOL", 1),
        "1000PEPE": ("PEPE", 1_000_000),
        "1000SATS": ("SATS", 1000),
    }


def test_a_denied_base_goes_and_comes_back(binance: Wire) -> None:
    listed(binance, "BTC", "GTC", "ETH")
    rule = DeniedBase(base="GTC", reason="another coin")
    services.name_rule_save(rule=rule)
    listed(binance, "BTC", "GTC", "ETH")
    assert identities().keys() == {"BTC", "ETH"}
    assert selectors.market_table().base == ["BTC", "ETH"]
    services.name_rules_delete(rules=[rule])
    listed(binance, "BTC", "GTC", "ETH")
    assert identities().keys() == {"BTC", "GTC", "ETH"}


def test_most_of_the_markets_may_be_denied_without_any_doubt(binance: Wire) -> None:
    listed(binance, "BTC", "GTC", "ETH")
    for base in ("GTC", "ETH"):
        DeniedBase.objects.create(base=base, reason="test")
    listed(binance, "BTC", "GTC", "ETH")
    assert identities().keys() == {"BTC"}


def test_an_alias_keeps_what_looks_like_no_asset(binance: Wire) -> None:
    listed(binance, "BTC", "BTCUP", "COINX")
    assert identities().keys() == {"BTC"}
    InstrumentAlias.objects.create(base="COINX", instrument="COINX")
    listed(binance, "BTC", "BTCUP", "COINX")
    assert identities().keys() == {"BTC", "COINX"}


def test_what_bybit_calls_a_stock_is_left_out_whatever_its_name(wire: Wire, settings: Settings) -> None:
    settings.EXCHANGES = ["bybit"]

    def spot(base: str, kind: str) -> dict[str, object]:
        return {
            "symbol": f"{base}USDT", "baseCoin": base, "quoteCoin": "USDT", "status": "Trading", "symbolType": kind,
            "lotSizeFilter": {"basePrecision": "0.01", "quotePrecision": "0.01", "minOrderQty": "0.01",
                              "maxOrderQty": "1", "minOrderAmt": "1", "maxOrderAmt": "9"},
            "priceFilter": {"tickSize": "0.01"},
        }  # fmt: skip

    def answer(*rows: dict[str, object]) -> dict[str, object]:
        return {"retCode": 0, "retMsg": "OK", "result": {"list": list(rows), "nextPageCursor": ""}, "time": 0}

    rows = [spot("BTC", ""), spot("ONX", "innovation"), spot("BE", "stock"), spot("SNXX", "xstocks"), spot("XAU", "")]
    wire.say(f"{BYBIT}/market/instruments-info", answer())
    wire.say(f"{BYBIT}/market/instruments-info?category=spot", answer(*rows))
    services.exchanges_setup()
    services.exchange_sync_markets(exchange="bybit")
    assert identities().keys() == {"BTC", "ONX", "XAU"}


@pytest.mark.django_db(transaction=True)
def test_a_change_rings_the_syncs_of_the_exchanges_it_is_about(rung: list[str], settings: Settings) -> None:
    settings.EXCHANGES = ["binance", "okx"]
    for name in ("binance", "okx", "bybit"):
        _exchange(name)
    alias = InstrumentAlias(exchange_id="okx", base="GTC", instrument="GTC@okx")
    services.name_rule_save(rule=alias)
    assert rung == ["okx"]
    rung.clear()
    alias.exchange_id = "binance"
    services.name_rule_save(rule=alias)
    assert sorted(rung) == ["binance", "okx"]
    rung.clear()
    denied = DeniedBase(base="GTC", reason="test")
    services.name_rule_save(rule=denied)
    assert sorted(rung) == ["binance", "okx"]
    rung.clear()
    services.name_rules_delete(rules=[alias, denied])
    assert set(rung) == {"binance", "okx"}
    assert not InstrumentAlias.objects.exists()


def test_a_second_rule_about_one_name_is_refused(db: None) -> None:
    services.name_rule_save(rule=InstrumentAlias(base="GTC", instrument="GITCOIN"))
    with pytest.raises(ValidationError):
        services.name_rule_save(rule=InstrumentAlias(base="GTC", instrument="OTHER"))
    with pytest.raises(ValidationError):
        services.name_rule_save(rule=InstrumentAlias(base="BIFI", instrument="BIFI", multiplier=0))
    assert InstrumentAlias.objects.count() == 1


def _exchange(name: str) -> str:
    Exchange.objects.get_or_create(id=name, defaults={"name": name})
    return name
