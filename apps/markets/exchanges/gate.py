"""Gate, v4 interface: spot and USDT perpetuals."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from msgspec import field

from apps.markets.enums import SnapshotKind
from apps.markets.exchanges.base import Capabilities, ExchangeAdapter, FundingCall, QuotesCall
from apps.markets.exchanges.columns import FundingColumns, RowTime
from apps.markets.exchanges.throttle import RequestLimit
from apps.markets.exchanges.transfers import TransfersCall
from apps.markets.exchanges.typed import Ask, Listed, Number, Row, Rows, Typed, funding_columns, quote_columns

_SETTLE = {"settle": "usdt"}
# Of days that are told anyway, the one that begins at midnight UTC.
_DAY = {"timezone": "utc0"}


class _SpotTicker(Row):
    id: str = field(name="currency_pair")
    bid: Number = field(name="highest_bid", default=None)
    ask: Number = field(name="lowest_ask", default=None)
    last: Number = None
    quote_volume: Number = None


class _SwapTicker(Row):
    id: str = field(name="contract")
    bid: Number = field(name="highest_bid", default=None)
    bid_size: Number = field(name="highest_size", default=None)
    ask: Number = field(name="lowest_ask", default=None)
    ask_size: Number = field(name="lowest_size", default=None)
    last: Number = None
    quote_volume: Number = field(name="volume_24h_quote", default=None)
    open_interest: Number = field(name="total_size", default=None)


class _Contract(Row):
    id: str = field(name="name")
    rate: Number = field(name="funding_rate", default=None)
    interval_hours: Number = field(name="funding_interval", default=None)
    next_funding_at: Number = field(name="funding_next_apply", default=None)
    mark: Number = field(name="mark_price", default=None)
    index: Number = field(name="index_price", default=None)


def _fundings(listed: Listed, rows: Sequence[_Contract]) -> FundingColumns:
    """Gate counts both the interval and the next time in seconds."""
    columns = funding_columns(listed, rows)
    seconds = columns.interval_hours
    return replace(
        columns,
        interval_hours=np.where(seconds > 0, seconds / 3600, np.nan),
        next_funding_at=columns.next_funding_at * 1000,
    )


class Gate(ExchangeAdapter):
    """No bulk answer carries a time. Spot tickers of all markets tell no sizes ("not available for batch queries").
    Perpetuals are counted in contracts of `quanto_multiplier` base units; ccxt's tickers leave their sizes out. The
    funding rates stand in the list of contracts: `funding_rate` is what is paid at `funding_next_apply`, every
    `funding_interval` seconds. The contracts' own `taker_fee_rate` is nobody's fee; ccxt has that of an account
    without a tier.

    https://www.gate.com/docs/developers/apiv4/en/#get-currency-pair-ticker-information
    https://www.gate.com/docs/developers/apiv4/en/#get-all-futures-trading-statistics
    https://www.gate.com/docs/developers/apiv4/en/#query-all-futures-contracts
    """

    capabilities = Capabilities(
        quotes={
            SnapshotKind.SPOT: QuotesCall(
                "fetch_tickers",
                RowTime.QUOTE,
                {"type": "spot"},
                has_sizes=False,
                typed=Typed(
                    (Ask("publicSpotGetTickers", Rows(list, _SpotTicker), _DAY),),
                    quote_columns,
                ),
            ),
            SnapshotKind.SWAP: QuotesCall(
                "fetch_tickers",
                RowTime.QUOTE,
                {"type": "swap"},
                typed=Typed(
                    (Ask("publicFuturesGetSettleTickers", Rows(list, _SwapTicker), {**_SETTLE, **_DAY}),),
                    quote_columns,
                ),
                interest_field="total_size",
            ),
        },
        funding=FundingCall(
            typed=Typed((Ask("publicFuturesGetSettleContracts", Rows(list, _Contract), _SETTLE),), _fundings),
        ),
        transfers=TransfersCall(
            "https://www.gate.com/docs/developers/apiv4/en/#query-all-currency-information",
            fields=("deposit_disabled", "withdraw_disabled"),
        ),
        limit=RequestLimit(10.0, "https://www.gate.com/docs/developers/apiv4/en/#frequency-limit-rule (200 in 10 s)"),
        options={
            "fetchMarkets": {"types": ["spot", "swap"]},
            # Where ccxt looks for the currencies of settlement: one contract alone is settled in another.
            "swap": {"fetchMarkets": {"settlementCurrencies": ["usdt"]}},
        },
    )
