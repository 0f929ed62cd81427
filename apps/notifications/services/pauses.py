"""Whose pause it is when a provider asks for one: the address's first, everybody's where it asks nearly everybody.

Telegram's 429 does not say whether the chat or the whole bot was too fast. One chat's flood must not silence all
others; a bot that goes on through a block of its own makes it longer."""

from collections import defaultdict, deque
from collections.abc import Mapping

from apps.notifications.channels.base import Channel
from apps.notifications.services.states import Happened, Result

# Of so many latest answers of a provider, once there are `_ENOUGH`, half ask so many different addresses to wait: then
# it is no longer the addresses' own doing.
_REMEMBERED, _ENOUGH, _ADDRESSES = 20, 8, 4


class Pauses:
    """What providers answered of late, in one run of deliveries; used on the event loop only."""

    def __init__(self) -> None:
        self._answers: defaultdict[str, deque[str]] = defaultdict(lambda: deque(maxlen=_REMEMBERED))

    def of(self, channel: Channel, *, provider: str, tap: str, result: Result) -> Mapping[str, float]:
        """Which taps to close after this result, and for how many seconds."""
        throttled = result.happened is Happened.THROTTLED
        if not throttled and result.happened is not Happened.DELIVERED:
            return {}
        if throttled and result.all_addresses:
            return {provider: result.wait_s}
        if not channel.shared_host and channel.own_pauses and self._asks_all(provider, tap if throttled else ""):
            return {tap: result.wait_s, provider: result.wait_s}
        return {tap: result.wait_s} if throttled or result.wait_s else {}

    def _asks_all(self, provider: str, throttled: str) -> bool:
        """Note another answer: the address that shall wait, "" where none."""
        answers = self._answers[provider]
        answers.append(throttled)
        waiting = [address for address in answers if address]
        if not throttled or len(answers) < _ENOUGH or 2 * len(waiting) < len(answers):
            return False
        if len(set(waiting)) < _ADDRESSES:
            return False
        answers.clear()
        return True
