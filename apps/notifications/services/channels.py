"""Channels made from the settings, and those that are switched off by what is missing there."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings

from apps.core.exceptions import OperatorError
from apps.notifications.channels.base import Channel, CredentialField
from apps.notifications.channels.registry import CHANNELS
from apps.notifications.exceptions import ChannelOffError
from apps.notifications.services.profiles import profile

logger = logging.getLogger(__name__)


def channel_get(name: str) -> Channel:
    """The channel as configured now, kept warm while the configuration stays the same.

    Raises ChannelOffError where a setting is missing (logged once per process) OperatorError where it is unknown."""
    kind = CHANNELS.get(name)
    config = tuple((row.name, getattr(settings, row.setting)) for row in kind.settings)
    try:
        return _made(name, config, float(profile().timeout_s))
    except ChannelOffError as error:
        _warn_once(error.message)
        raise


def channels_off() -> dict[str, str]:
    """The channels that cannot be used now, with the reason."""
    off = {}
    for name in CHANNELS.names():
        try:
            channel_get(name)
        except OperatorError as error:
            off[name] = error.message
    return off


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """A channel as its users are told of it."""

    name: str
    label: str
    address_label: str
    credential_fields: tuple[CredentialField, ...]
    available: bool
    public: Mapping[str, str]


def channels_described() -> list[ChannelFacts]:
    """Every channel, and whether this server is configured for it."""
    off = channels_off()
    kinds = [CHANNELS.get(name) for name in CHANNELS.names()]
    return [
        ChannelFacts(
            kind.name,
            kind.label,
            kind.address_label,
            kind.credential_fields,
            available=kind.name not in off,
            public={} if kind.name in off else channel_get(kind.name).public(),
        )
        for kind in kinds
    ]


@lru_cache(maxsize=32)
def _made(name: str, config: tuple[tuple[str, Any], ...], timeout_s: float) -> Channel:
    return CHANNELS.get(name).from_config(dict(config), timeout_s=timeout_s)


@lru_cache(maxsize=32)
def _warn_once(message: str) -> None:
    logger.warning("%s Its messages go to the next endpoint of their route.", message)
