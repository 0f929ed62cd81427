"""MEXC: spot and USDT perpetuals."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Generic, Literal

import msgspec
import numpy as np
from msgspec import field

from apps.core.exceptions import PermanentError
from apps.markets.enums import SnapshotKind
from apps.markets.exchanges.base import Capabilities, Endpoint, ExchangeAdapter, FundingCall, QuotesCall
from apps.markets.exchanges.columns import QuoteColumns, Reply, RowTime
from apps.markets.exchanges.throttle import RequestLimit
from apps.markets.exchanges.transfers import NetworkSpec, TransfersCall
from apps.markets.exchanges.typed import Ask, Listed, Number, R, Row, Rows, Typed, funding_columns, quote_columns


class _Contracts(msgspec.Struct, Generic[R]):
    success: Literal[True]
    rows: list[R] = field(name="data")


class _Ticker(Row):
    id: str = field(name="symbol")
    bid: Number = field(name="bidPrice", default=None)
    bid_size: Number = field(name="bidQty", default=None)
    ask: Number = field(name="askPrice", default=None)
    ask_size: Number = field(name="askQty", default=None)
    last: Number = field(name="lastPrice", default=None)
    quote_volume: Number = field(name="quoteVolume", default=None)
    row_ts: Number = field(name="closeTime", default=None)


class _ContractTicker(Row):
    id: str = field(name="symbol")
    bid: Number = field(name="bid1", default=None)
    ask: Number = field(name="ask1", default=None)
    last: Number = field(name="lastPrice", default=None)
    quote_volume: Number = field(name="amount24", default=None)
    row_ts: Number = field(name="timestamp", default=None)
    open_interest: Number = field(name="holdVol", default=None)


class _Funding(Row):
    id: str = field(name="symbol")
    rate: Number = field(name="fundingRate", default=None)
    interval_hours: Number = field(name="collectCycle", default=None)
    next_funding_at: Number = field(name="nextSettleTime", default=None)
    mark: Number = field(name="fairPrice", default=None)
    index: Number = field(name="idxPrice", default=None)
    row_ts: Number = field(name="timestamp", default=None)


def _spot(listed: Listed, rows: Sequence[_Ticker], *, row_time: RowTime, has_sizes: bool) -> QuoteColumns:
    """A size of zero is none: so says ccxt, for the exchange shows it where it has none to show."""
    columns = quote_columns(listed, rows, row_time=row_time, has_sizes=has_sizes)
    bid_size, ask_size = (np.where(size == 0.0, np.nan, size) for size in (columns.bid_size, columns.ask_size))
    return replace(columns, bid_size=bid_size, ask_size=ask_size)


_FUNDING = "contractPublicGetFundingRate"
# "Api key info invalid" and "IP [...] not in the ip white list".
# https://www.mexc.com/api-docs/spot-v3/public-api-definitions
_UNKNOWN_KEY = re.compile(r'"code":\s*"?(10072|700006)\b')


class Mexc(ExchangeAdapter):
    """The tickers' times move with trades, not with quotes: `closeTime` ends the 24 hours, `timestamp` of a contract is
    documented as its last transaction's.
    https://www.mexc.com/api-docs/spot-v3/market-data-endpoints/api-24hr-ticker-price-change-statistics

    No bulk call tells sizes at the best prices of contracts: they are unknown until a book is read. Books count
    contracts of `contractSize` base units.
    https://www.mexc.com/api-docs/futures/market-endpoints/get-ticker-contract-market-data

    Funding rates of all contracts come in one call that ccxt lacks: the documented one without a symbol. It has the
    running period's rate, the hours between fundings (`collectCycle`), and the next funding's time.
    https://www.mexc.com/api-docs/futures/market-endpoints/get-funding-rate

    Each market tells its fees. A taker fee of zero counts as unknown: promotions leave orders by API out.
    https://www.mexc.com/fee
    """

    capabilities = Capabilities(
        quotes={
            SnapshotKind.SPOT: QuotesCall(
                "fetch_tickers",
                RowTime.TRADE,
                {"type": "spot"},
                typed=Typed((Ask("spotPublicGetTicker24hr", Rows(list, _Ticker)),), _spot),
            ),
            SnapshotKind.SWAP: QuotesCall(
                "fetch_tickers",
                RowTime.TRADE,
                {"type": "swap"},
                has_sizes=False,
                typed=Typed((Ask("contractPublicGetTicker", Rows(_Contracts, _ContractTicker)),), quote_columns),
                interest_field="holdVol",
            ),
        },
        funding=FundingCall(
            method=_FUNDING,
            typed=Typed((Ask(_FUNDING, Rows(_Contracts, _Funding)),), funding_columns),
        ),
        transfers=TransfersCall(
            "https://www.mexc.com/api-docs/spot-v3/wallet-endpoints/query-the-currency-information",
            signed=True,
            fields=("depositEnable", "withdrawEnable"),
        ),
        # Twenty calls in two seconds, as for the documented call with a symbol; ccxt counts in units of 50 ms.
        endpoints={_FUNDING: Endpoint("funding_rate", ("contract", "public"), cost=2)},
        limit=RequestLimit(10.0, "https://www.mexc.com/api-docs/spot-v3/general-info (500 weight in 10 s)"),
    )

    async def networks(self) -> Reply[list[NetworkSpec]]:
        """As told. What MEXC says of a key that it doesn't know, ccxt takes for any other bad request."""
        try:
            return await super().networks()
        except PermanentError as error:
            if _UNKNOWN_KEY.search(error.message):
                raise PermanentError(error.message, code="key_refused") from error
            raise
