"""A scan for one person's question over today's snapshots; writes nothing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import numpy as np

from apps.core import clock
from apps.core.money import to_decimal
from apps.markets.types import Floats
from apps.opportunities.enums import Reason
from apps.opportunities.models import Opportunity
from apps.opportunities.pricing import Priced, Pricing, Refusal, price_size
from apps.opportunities.services.detect import row_of, view_now
from apps.opportunities.services.legs import leg_source
from apps.opportunities.services.ranking import Found, best, found_of
from apps.opportunities.services.terms import pricing_terms, scan_params
from apps.opportunities.strategies.base import Candidates, ScanParams
from apps.opportunities.strategies.registry import strategies_all, strategy_get
from apps.opportunities.view import Bools, MarketView


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for: every leg on one of `exchanges`, a leg of one of `symbols` (unified), one of `kinds` (empty:
    any), a net edge above `min_net_edge` within `horizon_h` hours (None: as the house does), the best `limit`."""

    exchanges: Collection[str] = ()
    symbols: Collection[str] = ()
    kinds: Collection[str] = ()
    min_net_edge: float | None = None
    horizon_h: float | None = None
    limit: int = 10


@dataclass(frozen=True, slots=True)
class Sight:
    """One candidate at the best prices: an unsaved row, what stands at those prices in dollars (None: unknown), and
    about how many dollars it may earn at the reference size.

    `on_books` is what the order books that are there make of that size, which may be a loss; None where they can't
    tell, for the `reason`."""

    row: Opportunity
    notional: float | None
    expected: float
    on_books: Priced | None
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class Scanned:
    """`markets` had usable prices, `found` candidates answer the question, `best` of them are shown, best first."""

    markets: int
    found: int
    best: tuple[Sight, ...]


def scan(*, question: Question, now: datetime) -> Scanned:
    """Run the very strategies of detection for this question. What is shown is priced on the order books that are
    cached anyway; none is asked for."""
    view = view_now(now)
    if question.exchanges:
        view = _only(view, question.exchanges)
    params = scan_params()
    params = replace(
        params,
        min_net_edge=params.min_net_edge if question.min_net_edge is None else question.min_net_edge,
        horizon_h=params.horizon_h if question.horizon_h is None else question.horizon_h,
    )
    wanted = [one for one in strategies_all() if not question.kinds or one.kind in question.kinds]
    found = [found_of(view, _about(view, strategy.scan(view, params), question.symbols)) for strategy in wanted]
    chosen = best(found, question.limit) if found else []
    rows = [row_of(view, one, at, now) for one, at in chosen]
    priced = _priced(rows, params, now) if rows else []
    return Scanned(
        markets=view.usable(),
        found=sum(len(one.candidates) for one in found),
        best=tuple(
            _sight(one, at, row, on_books) for (one, at), row, on_books in zip(chosen, rows, priced, strict=True)
        ),
    )


def _priced(rows: Sequence[Opportunity], params: ScanParams, now: datetime) -> list[Pricing]:
    """Each at the reference size, held as long as was asked for."""
    now_ms = clock.to_ms(now)
    source = leg_source(rows, now_ms=now_ms)
    found: list[Pricing] = []
    for row in rows:
        legs = source.legs(row)
        if isinstance(legs, Refusal):
            found.append(legs)
            continue
        terms = pricing_terms(dollar_rate=Decimal(row.details["dollar_rate"]), now_ms=now_ms)
        terms = replace(terms, edge=replace(terms.edge, horizon_h=to_decimal(params.horizon_h)))
        found.append(price_size(strategy_get(row.kind), legs, terms))
    return found


def _only(view: MarketView, exchanges: Collection[str]) -> MarketView:
    """The view with the prices of these exchanges only; rates between dollars stay those of all."""
    codes = [code for code, name in enumerate(view.table.exchange) if name in exchanges]
    chosen: Bools = np.isin(view.layout.exchange_code, codes)
    bid, ask, mid = (_blanked(column, chosen) for column in (view.bid, view.ask, view.mid))
    return replace(view, bid=bid, ask=ask, mid=mid)


def _blanked(column: Floats, chosen: Bools) -> Floats:
    return np.where(chosen, column, np.nan)


def _about(view: MarketView, candidates: Candidates, symbols: Collection[str]) -> Candidates:
    """The candidates that have a leg of one of these symbols."""
    if not symbols or not len(candidates):
        return candidates
    listed = np.array([symbol in symbols for symbol in view.table.symbol], dtype=bool)[view.layout.row]
    hit = np.flatnonzero((listed[candidates.legs] & (candidates.legs >= 0)).any(axis=1))
    columns = ("legs", "sides", "quote_code", "gross", "net", "notional")
    return replace(candidates, **{name: getattr(candidates, name)[hit] for name in columns})


def _sight(found: Found, at: int, row: Opportunity, on_books: Pricing) -> Sight:
    notional = float(found.candidates.notional[at] * found.dollar_rate[at])
    return Sight(
        row=row,
        notional=None if np.isnan(notional) else notional,
        expected=float(found.expected[at]),
        on_books=None if isinstance(on_books, Refusal) else on_books,
        reason=on_books.reason if isinstance(on_books, Refusal) else None,
    )
