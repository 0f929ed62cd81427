"""Channels made from the settings, and those that are switched off by what is missing there."""

import logging
from functools import lru_cache
from typing import Any

from django.conf import settings

from apps.core.exceptions import OperatorError
from apps.notifications.channels.base import Channel
from apps.notifications.channels.registry import CHANNELS
from apps.notifications.exceptions import ChannelOffError

logger = logging.getLogger(__name__)


def channel_get(name: str) -> Channel:
    """The channel as configured now, kept warm while the configuration stays the same.

    Raises ChannelOffError where a setting is missing (logged once per process) OperatorError where it is unknown."""
    kind = CHANNELS.get(name)
    config = tuple((row.name, getattr(settings, row.setting)) for row in kind.settings)
    try:
        return _made(name, config, float(settings.DELIVERY_TIMEOUT_S))
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


@lru_cache(maxsize=32)
def _made(name: str, config: tuple[tuple[str, Any], ...], timeout_s: float) -> Channel:
    return CHANNELS.get(name).from_config(dict(config), timeout_s=timeout_s)


@lru_cache(maxsize=32)
def _warn_once(message: str) -> None:
    logger.warning("%s Its messages go to the next endpoint of their route.", message)
