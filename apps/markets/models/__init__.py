"""Rows of the markets room."""

from apps.markets.models.exchange import Exchange, Feed
from apps.markets.models.fees import FeeRule
from apps.markets.models.funding import SettledFunding
from apps.markets.models.identity import DeniedBase, InstrumentAlias, Quarantine
from apps.markets.models.letters import DeadLetter
from apps.markets.models.market import Market
from apps.markets.models.transfers import CurrencyNetwork

__all__ = [
    "CurrencyNetwork",
    "DeadLetter",
    "DeniedBase",
    "Exchange",
    "FeeRule",
    "Feed",
    "InstrumentAlias",
    "Market",
    "Quarantine",
    "SettledFunding",
]
