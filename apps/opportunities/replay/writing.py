"""Opportunities as JSON lines: times in Unix seconds as in the rows, edges as fractions, all of one moment."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from apps.opportunities.enums import Origin, Side
from apps.opportunities.replay.episodes import Episode
from apps.opportunities.replay.execution import Execution
from apps.opportunities.replay.sightings import SeenLeg


def episodes_write(episodes: Sequence[Episode], out: Path, horizon_h: Decimal) -> None:
    """One line per opportunity, in the order of `first_seen`; an earlier file is replaced once all is written."""
    part = out.with_name(f"{out.name}.part")
    with part.open("wb") as file:
        file.writelines(orjson.dumps(facts(one, horizon_h), option=orjson.OPT_APPEND_NEWLINE) for one in episodes)
    part.replace(out)


def facts(episode: Episode, horizon_h: Decimal) -> dict[str, Any]:
    """Legs, prices, edges and `max_notional` are those of the best sighting (`best_at`): they belong together.

    `max_notional` is what stood at the best prices of all legs, in `quote` currency (null: unknown)."""
    best = episode.best
    edges = best.edges(horizon_h)
    found: dict[str, Any] = {
        "kind": best.strategy.kind.value,
        "symbol": best.legs[0].listing.symbol,
        "legs": [_leg(leg) for leg in best.legs],
        "gross_edge": float(edges.gross),
        "net_edge": float(edges.net),
        "first_seen": episode.first.at / 1e6,
        "last_seen": episode.last_seen / 1e6,
        "max_notional": best.notional,
        "quote": best.quote,
        "best_at": best.at / 1e6,
        "sightings": episode.sightings,
        "origin": Origin.REPLAY.value,
    }
    if episode.execution is not None:
        found["execution"] = _execution(episode.execution)
    return found


def _leg(leg: SeenLeg) -> dict[str, Any]:
    found: dict[str, Any] = {
        "exchange": leg.listing.exchange,
        "symbol": leg.listing.symbol,
        "side": leg.side.value,
        "price": leg.quote.ask if leg.side is Side.BUY else leg.quote.bid,
        "fee": leg.fee,
    }
    if leg.funding is not None:
        found["funding_rate"] = float(leg.funding.rate)
        found["interval_h"] = float(leg.funding.interval_h)
        found["next_funding_ts"] = leg.funding.next_funding_at / 1000
    if leg.exchanged is not None:
        found["exchanged"] = {
            "of": leg.exchanged.of,
            "into": leg.exchanged.into,
            "rate": float(leg.exchanged.rate),
            "kept": float(leg.exchanged.kept),
        }
    return found


def _execution(execution: Execution) -> dict[str, Any]:
    return {
        "at": execution.at / 1e6,
        "outcome": execution.outcome,
        "reason": execution.reason,
        "notional": float(execution.notional),
        "net_edge": None if execution.net_edge is None else float(execution.net_edge),
        "profit": float(execution.profit),
        "size_known": execution.sized,
    }
