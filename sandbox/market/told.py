"""The scenario as it is told to tests: symbols and legs instead of parts and places."""

from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.market.catalog import USDC, USDC_BASES
from sandbox.market.listing import SPOT_VENUES, Listing
from sandbox.market.scenario import CROSS, FUNDING, Part


class Scenario:
    """What must be found and what must not, for the markets as they are listed."""

    def __init__(self, seed: int, parts: tuple[Part, ...], listings: tuple[Listing, ...]) -> None:
        self._seed = seed
        self._parts = parts
        self._symbols: Mapping[tuple[str, str, bool], str] = {
            (each.venue, each.asset.name, each.is_swap): each.symbol for each in listings if each.quote != USDC
        }

    def describe(self) -> dict[str, Any]:
        """`{"seed", "expected", "decoys", "missing_fee"}` as JSON-able data.

        Each opportunity has kind, instrument (the asset, multiplier removed) and two legs, the bought one first.
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
        for number, (bought_at, sold_at) in enumerate(part.legs):
            entry: dict[str, Any] = {
                "kind": part.kind,
                "instrument": part.asset,
                "legs": [self._leg(part, bought_at, "buy"), self._leg(part, sold_at, "sell")],
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

    def _leg(self, part: Part, venue: str, side: str) -> dict[str, str]:
        return {
            "exchange": venue,
            "symbol": self._symbols[venue, part.asset, part.kind == FUNDING],
            "side": side,
        }

    def _parity_decoys(self) -> Iterator[dict[str, Any]]:
        """USDC is below USDT: bought for USDT and sold for USDC looks like a gap to whoever takes them as one."""
        for base in USDC_BASES:
            for bought_at in SPOT_VENUES:
                for sold_at in SPOT_VENUES:
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
