"""Which fee counts: an operator's most specific rule, else the exchange's own word."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from apps.markets.enums import FeeSource
from apps.markets.types import Fee


@dataclass(frozen=True, slots=True)
class Scope:
    """What a rule is about: one market, else the markets of a type, else all of an exchange; for one tier or ("")
    everybody."""

    exchange: str
    market_id: int | None = None
    type: str = ""
    tier: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a rule says, as fractions; neither a taker fee nor `free` means that the fee is unknown."""

    taker: Decimal | None = None
    maker: Decimal | None = None
    free: bool = False

    def fee(self, source: FeeSource) -> Fee:
        """The fee under this rule."""
        if self.free:
            return Fee(Decimal(0), Decimal(0), source)
        return Fee(self.taker, None if self.taker is None else self.maker, source)


@dataclass(frozen=True, slots=True)
class FeeBook:
    """The rules of operators by what they are about."""

    rules: Mapping[Scope, Terms] = field(default_factory=dict)
    # Most exchanges have no rule: their markets are not looked up four times each.
    exchanges: frozenset[str] = frozenset()

    @classmethod
    def of(cls, rules: Iterable[tuple[Scope, Terms]]) -> "FeeBook":
        """The book of these rules."""
        found = dict(rules)
        return cls(found, frozenset(scope.exchange for scope in found))

    def fee(self, *, exchange: str, market_id: int, type: str, told: Fee, tier: str = "") -> Fee:
        """The fee that counts for this market and fee tier of the exchange ("": a user without one).

        The most specific rule counts, and of two that are about the same the one for the tier; without any rule what
        the exchange told. A rule counts as a whole: where it leaves the taker fee empty, the fee is unknown."""
        if exchange not in self.exchanges:
            return told
        for source, about, kind in (
            (FeeSource.MARKET, market_id, ""),
            (FeeSource.TYPE, None, type),
            (FeeSource.EXCHANGE, None, ""),
        ):
            for name in dict.fromkeys((tier, "")):
                terms = self.rules.get(Scope(exchange, about, kind, name))
                if terms is not None:
                    return terms.fee(source)
        return told
