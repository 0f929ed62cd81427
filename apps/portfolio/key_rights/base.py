"""What every reader of a key's rights has in common."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Protocol, TypeVar

import msgspec

from apps.accounts.enums import KeyRights
from apps.core.exceptions import TemporaryError

T = TypeVar("T")


class Answer(Protocol):
    """One reply of an exchange."""

    @property
    def value(self) -> Any:
        """The decoded body."""


class Client(Protocol):
    """A client that signs with the key."""

    @property
    def exchange(self) -> str:
        """The exchange's id."""

    @property
    def api_key(self) -> str:
        """The part of the key that names it, for exchanges that want to be told which one is meant."""

    async def call(self, method: str, *args: Any) -> Answer:
        """One call of ccxt's, by the name of its method; raises core errors only."""


class RightsReader(ABC):
    """Asks one exchange. `source` is the page that documents the answer."""

    source: ClassVar[str]

    @abstractmethod
    async def rights(self, client: Client) -> KeyRights:
        """The most that the key may do. Raises core errors; TemporaryError(code="unreadable") for an answer that says
        something else than documented: what is not understood is never taken for harmless."""


def told(value: Any, shape: type[T], client: Client) -> T:
    """The answer in the shape that is documented."""
    try:
        return msgspec.convert(value, shape, strict=False)
    except msgspec.ValidationError as error:
        raise TemporaryError(
            f"{client.exchange} told of the key in another way than documented: {error}", code="unreadable"
        ) from error


def highest(*, trade: bool, withdraw: bool) -> KeyRights:
    """The most of what a key that works may do."""
    if withdraw:
        return KeyRights.WITHDRAW
    return KeyRights.TRADE if trade else KeyRights.READ
