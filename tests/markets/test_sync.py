"""Market metadata: listed, changed, delisted; unknown fees stay unknown; an exchange that can't be read says why."""

from decimal import Decimal

import pytest
from pytest_django import Settings

from apps.core.exceptions import OperatorError, TemporaryError
from apps.markets import selectors, services
from apps.markets.enums import ExchangeStatus, FeedState, MarketType
from apps.markets.models import Exchange, Feed, Market
from tests.markets.wire import BINANCE, OKX, Wire, binance_info, binance_symbol, okx, okx_instrument

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_state")]

INFO = f"{BINANCE}/exchangeInfo"


def sync(exchange: str = "binance") -> services.SyncReport:
    services.exchanges_setup()
    return services.exchange_sync_markets(exchange=exchange)


def version() -> int:
    return Exchange.objects.get().market_version


def test_markets_are_written_with_fees_sizes_and_limits(binance: Wire) -> None:
    report = sync()
    assert (report.active, report.created, report.changed, report.delisted) == (3, 3, 0, 0)
    market = Market.objects.get(symbol="BTC/USDT")
    assert market.type == MarketType.SPOT
    assert market.taker_fee == market.maker_fee == Decimal("0.001")
    assert market.amount_step == Decimal("0.00001")
    assert market.price_step == Decimal("0.01")
    assert market.min_notional == 5
    assert (market.instrument, market.multiplier, market.contract_size) == ("BTC", 1, 1)
    exchange = Exchange.objects.get()
    assert exchange.status == ExchangeStatus.OK
    assert exchange.markets_loaded_at is not None


def test_the_same_again_changes_nothing_and_keeps_the_version(binance: Wire) -> None:
    sync()
    before = version()
    report = sync()
    assert (report.created, report.changed, report.delisted) == (0, 0, 0)
    assert version() == before


def test_a_delisted_market_becomes_inactive_and_a_new_one_active(binance: Wire) -> None:
    sync()
    before = version()
    ids = dict(Market.objects.values_list("symbol", "id"))
    symbols = [binance_symbol("BTC"), binance_symbol("ETH", status="BREAK"), binance_symbol("1000SATS")]
    binance.say(INFO, binance_info(*symbols))
    report = sync()
    assert (report.created, report.changed, report.delisted) == (1, 1, 1)
    assert version() == before + 1
    assert dict(Market.objects.filter(symbol__in=ids).values_list("symbol", "id")) == ids
    assert set(Market.objects.filter(active=True).values_list("symbol", flat=True)) == {"BTC/USDT", "1000SATS/USDT"}
    sats = Market.objects.get(symbol="1000SATS/USDT")
    assert (sats.instrument, sats.multiplier) == ("SATS", 1000)
    assert selectors.market_table().symbol == ["BTC/USDT", "1000SATS/USDT"]


def test_leveraged_tokens_are_left_out(binance: Wire) -> None:
    binance.say(INFO, binance_info(binance_symbol("BTC"), binance_symbol("BTCUP"), binance_symbol("JUP")))
    sync()
    assert set(Market.objects.values_list("base", flat=True)) == {"BTC", "JUP"}


def test_perpetuals_are_in_base_units_and_inverse_ones_are_marked(wire: Wire, settings: Settings) -> None:
    settings.EXCHANGES = ["okx"]
    swaps = [okx_instrument("BTC-USDT-SWAP", "SWAP"), okx_instrument("BTC-USD-SWAP", "SWAP", settleCcy="BTC")]
    wire.say(f"{OKX}/public/instruments?instType=SPOT", okx())
    wire.say(f"{OKX}/public/instruments?instType=SWAP", okx(*swaps))
    sync("okx")
    assert Market.objects.get(symbol="BTC/USD:BTC").type == MarketType.INVERSE
    market = Market.objects.get(symbol="BTC/USDT:USDT")
    assert (market.symbol, market.settle, market.type) == ("BTC/USDT:USDT", "USDT", MarketType.SWAP)
    assert market.contract_size == Decimal("0.01")
    assert market.amount_step == market.min_amount == Decimal("0.001")
    assert market.max_leverage == 50
    assert market.taker_fee == Decimal("0.0005")


def test_an_empty_answer_delists_nothing(binance: Wire) -> None:
    sync()
    binance.say(INFO, binance_info())
    with pytest.raises(TemporaryError, match="no market"):
        sync()
    assert Market.objects.filter(active=True).count() == 3
    exchange = Exchange.objects.get()
    assert exchange.status == ExchangeStatus.ERROR
    assert "no market" in exchange.status_reason


def test_an_unknown_exchange_says_so_and_is_not_asked_again(redis_state: None, settings: Settings) -> None:
    settings.EXCHANGES = ["binanc"]
    with pytest.raises(OperatorError):
        sync("binanc")
    exchange = Exchange.objects.get()
    assert exchange.status == ExchangeStatus.UNKNOWN
    assert 'did you mean "binance"?' in exchange.status_reason
    assert set(Feed.objects.values_list("state", flat=True)) == {FeedState.DISABLED}


def test_an_unknown_exchange_is_tried_again_when_ccxt_knows_it_or_its_row_is_saved(settings: Settings) -> None:
    settings.EXCHANGES = ["okx", "bitmex"]
    services.exchanges_setup()
    Exchange.objects.filter(id="okx").update(status=ExchangeStatus.UNKNOWN, status_reason="unknown to an older ccxt")
    Feed.objects.filter(exchange="okx").update(state=FeedState.DISABLED, reason="unknown to an older ccxt")
    services.exchanges_setup()
    okx = Exchange.objects.get(id="okx")
    assert (okx.status, okx.status_reason) == (ExchangeStatus.NEW, "")
    assert set(Feed.objects.filter(exchange="okx").values_list("state", "reason")) == {(FeedState.NEW, "")}
    # What ccxt still lacks stays out, until an operator asks for a look; then it says so again.
    assert Exchange.objects.get(id="bitmex").status == ExchangeStatus.UNKNOWN
    services.exchange_retry(exchange="bitmex")
    assert Exchange.objects.get(id="bitmex").status == ExchangeStatus.NEW
    with pytest.raises(OperatorError):
        services.exchange_sync_markets(exchange="bitmex")
    assert Exchange.objects.get(id="bitmex").status == ExchangeStatus.UNKNOWN
    assert set(Feed.objects.filter(exchange="bitmex").values_list("state", flat=True)) == {FeedState.DISABLED}
    # An exchange that works is left alone.
    Exchange.objects.filter(id="okx").update(status=ExchangeStatus.OK)
    services.exchange_retry(exchange="okx")
    assert Exchange.objects.get(id="okx").status == ExchangeStatus.OK


def test_an_exchange_that_ccxt_dropped_is_told_at_once_and_the_others_go_on(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EXCHANGES = ["bitmex", "okx"]
    assert services.exchanges_setup() == ["bitmex", "okx"]
    gone = Exchange.objects.get(id="bitmex")
    assert gone.status == ExchangeStatus.UNKNOWN
    assert "take it out of EXCHANGES" in gone.status_reason
    assert "bitmex" in caplog.text
    assert not Feed.objects.filter(exchange=gone).exists()
    assert set(Feed.objects.filter(exchange="okx").values_list("kind", flat=True)) == {"spot", "swap", "funding"}
    assert services.exchanges_setup() == []


def test_a_feed_that_the_exchange_lacks_is_switched_off_and_one_it_has_again_on(binance: Wire) -> None:
    services.exchanges_setup()
    Feed.objects.update(state=FeedState.DISABLED)
    Feed.objects.create(exchange_id="binance", kind="funding")
    sync()
    assert dict(Feed.objects.values_list("kind", "state")) == {"spot": FeedState.NEW, "funding": FeedState.DISABLED}
    assert Feed.objects.get(kind="funding").reason == "binance gives no funding data in bulk"
