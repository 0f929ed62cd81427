"""The scenario as it is told to tests: symbols and legs instead of parts and places."""

from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.market.catalog import USDC, USDC_BASES, USDT, VENUES
from sandbox.market.listing import Listing
from sandbox.market.scenario import CROSS, FUNDING, ITSELF, SPOT_PERP, TRIANGULAR, Part


class Scenario:
    """What must be found and what must not, for the markets as they are listed."""

    def __init__(self, seed: int, parts: tuple[Part, ...], listings: tuple[Listing, ...]) -> None:
        self._seed = seed
        self._parts = parts
        self._symbols: Mapping[tuple[str, str, bool], str] = {
            (each.venue, each.asset.name, each.is_swap): each.symbol
            for each in listings
            if each.is_swap or each.quote == VENUES[each.venue].spot[0]
        }
        self._listed = {(each.venue, each.symbol) for each in listings}

    def describe(self) -> dict[str, Any]:
        """`{"seed", "expected", "decoys", "missing_fee"}` as JSON-able data.

        Each opportunity has kind, instrument (the asset, multiplier removed) and its legs: two, the bought one first,
        or the trades of a cycle in their order.
        Expected ones carry `min_net_edge`, a floor under their net edge at 1,000 USD at any time; decoys carry `why`.
        `missing_fee` names expected ones that must vanish when an operator flags the fee of `market` as unknown."""
        expected = [entry for part in self._parts if not part.why for entry in self._entries(part)]
        decoys = [entry for part in self._parts if part.why for entry in self._entries(part)]
        return {
            "seed": self._seed,
            "expected": expected,
            "decoys": decoys + list(self._parity_decoys()),
            "missing_fee": [entry for entry in expected if "market" in entry],
        }

    def _entries(self, part: Part) -> Iterator[dict[str, Any]]:
        for number, named in enumerate(part.legs):
            entry: dict[str, Any] = {
                "kind": part.kind,
                "instrument": part.asset,
                "legs": self._cycle(part, *named) if part.kind == TRIANGULAR else self._pair(part, *named),
            }
            if part.why:
                entry["why"] = part.why
            else:
                entry["min_net_edge"] = part.least[number]
            if part.note:
                entry["note"] = part.note
            if part.fee_flag:
                entry["market"] = {
                    "exchange": part.fee_flag,
                    "symbol": self._symbols[part.fee_flag, part.asset, part.kind == FUNDING],
                }
            yield entry

    def _pair(self, part: Part, bought_at: str, sold_at: str) -> list[dict[str, str]]:
        bought, sold = part.kind == FUNDING, part.kind in (FUNDING, SPOT_PERP)
        return [self._leg(part, bought_at, "buy", is_swap=bought), self._leg(part, sold_at, "sell", is_swap=sold)]

    def _leg(self, part: Part, venue: str, side: str, *, is_swap: bool) -> dict[str, str]:
        return {"exchange": venue, "symbol": self._symbols[venue, part.asset, is_swap], "side": side}

    def _cycle(self, part: Part, venue: str, *currencies: str) -> list[dict[str, str]]:
        """The trades from each currency to the next and back to the first."""
        names = [part.asset if name == ITSELF else name for name in currencies]
        legs = []
        for held, wanted in zip(names, (*names[1:], names[0]), strict=True):
            bought = f"{wanted}/{held}"
            is_bought = (venue, bought) in self._listed
            symbol, side = (bought, "buy") if is_bought else (f"{held}/{wanted}", "sell")
            legs.append({"exchange": venue, "symbol": symbol, "side": side})
        return legs

    def _parity_decoys(self) -> Iterator[dict[str, Any]]:
        """USDC is below USDT: bought for USDT and sold for USDC looks like a gap to whoever takes them as one."""
        venues = [name for name, venue in VENUES.items() if venue.spot == (USDT, USDC)]
        for base in USDC_BASES:
            for bought_at in venues:
                for sold_at in venues:
                    if bought_at != sold_at:
                        yield {
                            "kind": CROSS,
                            "instrument": base,
                            "why": "quote currencies taken at parity",
                            "legs": [
                                {"exchange": bought_at, "symbol": f"{base}/USDT", "side": "buy"},
                                {"exchange": sold_at, "symbol": f"{base}/{USDC}", "side": "sell"},
                            ],
                        }
