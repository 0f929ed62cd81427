"""Preferences that fit together, to begin with: each names only what it changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from apps.opportunities.enums import Experience, Focus, OpportunityKind, Risk

_PRICED: Final = [kind.value for kind in OpportunityKind if kind != OpportunityKind.TECHNICAL]


@dataclass(frozen=True, slots=True)
class Preset:
    """`wishes` are preferences by name. How much is automatic is never part of one: that is said by itself."""

    words: str
    wishes: Mapping[str, Any]


def _preset(words: str, **wishes: Any) -> Preset:
    return Preset(words, MappingProxyType(wishes))


PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        "conservative": _preset(
            "Arbitrage of low risk that leaves at least 0.3 %, without borrowed money.",
            focus=Focus.ARBITRAGE.value,
            kinds=_PRICED,
            max_risk=Risk.LOW.value,
            min_net_edge=Decimal("0.003"),
            max_leverage=Decimal(1),
            experience=Experience.BEGINNER.value,
        ),
        "balanced": _preset(
            "Arbitrage up to medium risk that leaves at least 0.1 %.",
            focus=Focus.ARBITRAGE.value,
            kinds=_PRICED,
            max_risk=Risk.MEDIUM.value,
            min_net_edge=Decimal("0.001"),
            max_leverage=Decimal(2),
            experience=Experience.INTERMEDIATE.value,
        ),
        "aggressive": _preset(
            "Everything that leaves something, technical signals among it.",
            focus=Focus.HYBRID.value,
            kinds=[],
            max_risk=Risk.HIGH.value,
            min_net_edge=None,
            max_leverage=Decimal(5),
            experience=Experience.ADVANCED.value,
        ),
        "technical": _preset(
            "Technical signals first.",
            focus=Focus.TECHNICAL.value,
            kinds=[],
            max_risk=Risk.HIGH.value,
            min_net_edge=None,
            max_leverage=Decimal(1),
            experience=Experience.INTERMEDIATE.value,
        ),
    }
)
