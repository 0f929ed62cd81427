"""HTX (Huobi): spot and USDT perpetuals."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Generic, Literal

import msgspec
import numpy as np
from msgspec import field

from apps.markets.enums import MarketType, SnapshotKind
from apps.markets.exchanges import parse
from apps.markets.exchanges.base import Capabilities, Endpoint, ExchangeAdapter, FundingCall, QuotesCall
from apps.markets.exchanges.columns import FundingColumns, MarketSpec, QuoteColumns, RowTime
from apps.markets.exchanges.throttle import RequestLimit
from apps.markets.exchanges.transfers import TransfersCall
from apps.markets.exchanges.typed import (
    Ask,
    Listed,
    Number,
    R,
    Row,
    Rows,
    Typed,
    funding_columns,
    hours_filled,
    matrix,
    quote_columns,
)


class _Envelope(msgspec.Struct, Generic[R]):
    status: Literal["ok"]
    rows: list[R] = field(name="data")
    told_at: int = field(name="ts", default=0)


class _Contracts(msgspec.Struct, Generic[R]):
    status: Literal["ok"]
    rows: list[R] = field(name="ticks")
    told_at: int = field(name="ts", default=0)


class _Ticker(Row):
    id: str = field(name="symbol")
    bid: Number = None
    bid_size: Number = field(name="bidSize", default=None)
    ask: Number = None
    ask_size: Number = field(name="askSize", default=None)
    last: Number = field(name="close", default=None)
    quote_volume: Number = field(name="vol", default=None)


class _Level(msgspec.Struct, array_like=True, gc=False):
    price: Number = None
    size: Number = None


class _ContractTicker(Row):
    id: str = field(name="contract_code")
    best_bid: _Level | None = field(name="bid", default=None)
    best_ask: _Level | None = field(name="ask", default=None)
    last: Number = field(name="close", default=None)
    quote_volume: Number = field(name="trade_turnover", default=None)
    row_ts: Number = field(name="ts", default=None)


class _Funding(Row):
    id: str = field(name="contract_code")
    rate: Number = field(name="funding_rate", default=None)
    next_funding_at: Number = field(name="funding_time", default=None)


def _contract_quotes(listed: Listed, rows: Sequence[_ContractTicker], **how: Any) -> QuoteColumns:
    """With bid and ask from their levels; a price of zero is none, as in ccxt."""
    known = [row for row in rows if row.id in listed.symbols]
    bid, ask = (
        matrix([level or _Level() for level in side], ("price", "size"))
        for side in ([row.best_bid for row in known], [row.best_ask for row in known])
    )
    return replace(
        quote_columns(listed, known, **how),
        bid=np.where(bid["price"] == 0.0, np.nan, bid["price"]),
        bid_size=bid["size"],
        ask=np.where(ask["price"] == 0.0, np.nan, ask["price"]),
        ask_size=ask["size"],
    )


def _fundings(listed: Listed, rows: Sequence[_Funding]) -> FundingColumns:
    """With the contracts' hours between fundings, where they tell them."""
    return hours_filled(funding_columns(listed, rows), listed.once(_contract_hours))


def _contract_hours(listed: Listed) -> dict[str, float]:
    told = (
        (symbol, parse.interval_hours(f"{info.get('settlement_period')}h")) for symbol, info in listed.infos.items()
    )
    return {symbol: hours for symbol, hours in told if hours is not None}


_FUNDING = "contractPublicGetLinearSwapApiV1SwapBatchFundingRate"


class Htx(ExchangeAdapter):
    """Spot tickers carry no time of their own, those of contracts their quotes' time; every answer carries `ts`. Sizes
    of perpetuals are whole contracts of `contract_size` base units; no base is listed in thousands.
    https://huobiapi.github.io/docs/spot/v1/en/#get-latest-tickers-for-all-pairs
    https://huobiapi.github.io/docs/usdt_swap/v1/en/#general-get-a-batch-of-market-data-overview

    ccxt asks for linear funding rates contract by contract; the exchange has a bulk call. In it `funding_rate` is the
    running period's rate, which is settled at `funding_time`; `next_funding_time` and `estimated_rate` are empty. The
    interval is that of the contract (`settlement_period`, hours), which is as old as the last load.
    https://huobiapi.github.io/docs/usdt_swap/v1/en/#general-query-a-batch-of-funding-rate

    The fees are ccxt's, the highest of the schedule: 0.2 % on spot and 0.05 % on contracts.
    https://www.htx.com/fee
    """

    capabilities = Capabilities(
        quotes={
            SnapshotKind.SPOT: QuotesCall(
                "fetch_tickers",
                RowTime.QUOTE,
                {"type": "spot"},
                typed=Typed((Ask("spotPublicGetMarketTickers", Rows(_Envelope, _Ticker)),), quote_columns),
            ),
            SnapshotKind.SWAP: QuotesCall(
                "fetch_tickers",
                RowTime.QUOTE,
                {"type": "swap", "subType": "linear"},
                typed=Typed(
                    (
                        Ask(
                            "contractPublicGetLinearSwapExMarketDetailBatchMerged",
                            Rows(_Contracts, _ContractTicker),
                            {"business_type": "swap"},
                        ),
                    ),
                    _contract_quotes,
                ),
            ),
        },
        funding=FundingCall(
            method=_FUNDING,
            typed=Typed((Ask(_FUNDING, Rows(_Envelope, _Funding)),), _fundings),
        ),
        options={"fetchMarkets": {"types": {"spot": True, "linear": True, "inverse": False}}},
        endpoints={_FUNDING: Endpoint("linear-swap-api/v1/swap_batch_funding_rate", ("contract", "public"))},
        # The documentation's own address of the contracts; ccxt takes the one for machines in Asia.
        # https://huobiapi.github.io/docs/usdt_swap/v1/en/#access-urls
        urls={"hostnames": {"contract": "api.hbdm.com"}},
        answer_time_field="ts",
        limit=RequestLimit(
            3.0, "https://huobiapi.github.io/docs/usdt_swap/v1/en/#api-rate-limit-illustration (240 in 3 s)"
        ),
        transfers=TransfersCall(
            "https://huobiapi.github.io/docs/spot/v1/en/#apiv2-currency-amp-chains",
            fields=("depositStatus", "withdrawStatus"),
        ),
        # Spot gives 5, 10, 20 or all 150 levels.
        book_levels=150,
    )

    def corrected(self, spec: MarketSpec, market: Mapping[str, Any]) -> MarketSpec:
        """A contract's least order is one contract (ccxt has its base units in the field that counts contracts), and
        its leverage is unknown: the exchange tells none in public, and ccxt makes 1 of that."""
        return spec if spec.type is MarketType.SPOT else replace(spec, min_amount=spec.contract_size, max_leverage=None)
