"""What every channel is: limits, format and secrets as class data; overflow and masking done here, sending below."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from apps.core.clock import wall_now
from apps.core.exceptions import ArbEdgeError, PermanentError
from apps.core.limits import Limit
from apps.core.vault import mask
from apps.notifications.channels import files, text
from apps.notifications.enums import TextFormat
from apps.notifications.exceptions import ChannelOffError
from apps.notifications.types import Attached, OutboundMessage, Sent

RETRY_AFTER_MIN_S = 1.0
RETRY_AFTER_MAX_S = 86_400.0
# What providers mean by these is the message's files: it goes once more without them.
FILES_REFUSED = frozenset({"files_refused", "too_large"})


@dataclass(frozen=True, slots=True)
class CredentialField:
    """One thing an endpoint's owner gives besides the address."""

    name: str
    label: str
    secret: bool = True
    required: bool = True


@dataclass(frozen=True, slots=True)
class Setting:
    """One value of the configuration that the channel is made from; without a required one it is switched off."""

    name: str
    setting: str
    required: bool = False
    secret: bool = False


class Channel(ABC):
    """A way to reach a person. Knows no row and no setting, never sleeps, never retries; returns `Sent` or raises."""

    name: ClassVar[str]
    label: ClassVar[str]
    address_label: ClassVar[str]
    text_format: ClassVar[TextFormat]
    # UTF-16 units; for JSON, bytes.
    max_length: ClassVar[int]
    subject_max_length: ClassVar[int] = 0
    # Whether a message carries its words without markup as well; making them costs as much as making the message.
    wants_plain: ClassVar[bool] = False
    provider_limits: ClassVar[tuple[Limit, ...]]
    endpoint_limits: ClassVar[tuple[Limit, ...]]
    credential_fields: ClassVar[tuple[CredentialField, ...]] = ()
    settings: ClassVar[tuple[Setting, ...]] = ()
    # Whether strangers share one host behind this channel: then its errors and pauses speak for one address only.
    shared_host: ClassVar[bool] = False
    # Whether a pause that the provider asks for is meant for one address, while a failure speaks for the whole host.
    own_pauses: ClassVar[bool] = False
    # Whether messages carry a link with which their reader switches the endpoint off.
    unsubscribable: ClassVar[bool] = False
    # What it takes of files; None: it carries none, their links stand in the text.
    carries: ClassVar[files.Carries | None] = None
    # How many links it shows as buttons under a message, and how long they may be; 0: links stand in the text.
    buttons: ClassVar[int] = 0
    button_url_max: ClassVar[int] = 500
    # Whether a repeat of the same `delivery_id` can be recognised on the other side.
    idempotent: ClassVar[bool] = False

    def __init__(self, config: Mapping[str, Any], *, timeout_s: float) -> None:
        self.config = config
        self.timeout_s = timeout_s

    @classmethod
    def from_config(cls, config: Mapping[str, Any], *, timeout_s: float) -> Self:
        """The channel made from the values that `settings` names; `ChannelOffError` says which one is missing."""
        missing = [row.setting for row in cls.settings if row.required and not config.get(row.name)]
        if missing:
            raise ChannelOffError(f"The {cls.name} channel is off: {', '.join(missing)} is not set.")
        return cls(config, timeout_s=timeout_s)

    def __repr__(self) -> str:
        secret = {row.name for row in self.settings if row.secret}
        shown = {name: mask(str(value)) if name in secret and value else value for name, value in self.config.items()}
        return f"<{type(self).__name__} {shown}>"

    # --- what a subclass says ------------------------------------------------------------------------------------

    @abstractmethod
    async def transmit(self, message: OutboundMessage) -> Sent:
        """One try to send a message that already fits. Raises a core error for anything but success."""

    @abstractmethod
    def host(self, address: str) -> str:
        """The provider's host behind an address: what breakers and provider limits are kept for."""

    @classmethod
    @abstractmethod
    def address_clean(cls, address: str) -> str:
        """The one spelling of an address; PermanentError(code="bad_address") says what is wrong with it."""

    @classmethod
    def parted(cls, address: str, credentials: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        """Address and credentials as they are stored: what of a given address is a secret becomes a credential.

        PermanentError(code="bad_address") where the address is none of this channel's."""
        return cls.address_clean(address), dict(credentials)

    @classmethod
    def is_group(cls, address: str) -> bool:
        """Whether the address itself says that many people read there; most channels can't tell."""
        del address
        return False

    @classmethod
    def credentials_new(cls) -> dict[str, str]:
        """Credentials that the house makes where the owner gives none, to be shown to them once."""
        return {}

    def start_url(self, token: str) -> str:
        """A link that has its follower's address told to us together with `token`; "" where the channel has none."""
        del token
        return ""

    def public(self) -> dict[str, str]:
        """What people need of our configuration before they can have an address here; no secret."""
        return {}

    def limits_of(self, address: str) -> tuple[Limit, ...]:
        """How often one address may be written to."""
        del address
        return self.endpoint_limits

    # --- what all share --------------------------------------------------------------------------------------------

    async def send(self, message: OutboundMessage) -> Sent:
        """One try to send; whatever it gives or raises may be stored, and carries no secret, so it may be shown."""
        try:
            sent = await self._sent(message)
        except ArbEdgeError as error:
            error.message = text.storable(self.masked(error.message, message))
            error.args = (error.message,)
            # The chain could quote the URL, which for some providers is the credential.
            raise error from None
        return replace(
            sent,
            provider_message_id=text.storable(sent.provider_message_id),
            new_address=text.storable(sent.new_address),
        )

    async def _sent(self, message: OutboundMessage) -> Sent:
        """Sent as it is; where the provider refuses its files, with their links."""
        fitted = self.fitted(message)
        try:
            return await self.transmit(fitted)
        except PermanentError as error:
            if not fitted.attachments or error.code not in FILES_REFUSED:
                raise
            refused = self.masked(error.message, message)
        without = tuple(replace(one, content=None) for one in message.attachments)
        sent = await self.transmit(self.fitted(replace(message, attachments=without)))
        return replace(sent, note=text.storable(f"Its files were refused, so their links went: {refused}"))

    def fitted(self, message: OutboundMessage) -> OutboundMessage:
        """The message cut to the channel's lengths, with the files that it carries; the others' links end its text.

        PermanentError(code="too_large") where the format can't be cut."""
        carried, linked = files.parted(message.attachments, self.carries)
        made = self._made(message, carried, linked)
        caption = self.carries.caption if self.carries else 0
        if carried and caption and text.length(text.plain_from_html(made.body)) > caption:
            made = self._made(message, (), message.attachments)
        return made

    def _made(
        self, message: OutboundMessage, carried: Sequence[Attached], linked: Sequence[Attached]
    ) -> OutboundMessage:
        subject, body, text_body = map(text.storable, (message.subject, message.body, message.text_body))
        return replace(
            message,
            subject=text.fit_plain(text.one_line(subject), self.subject_max_length or self.max_length),
            body=self.ended(body, linked),
            text_body=_plain_ended(text_body, linked, self.max_length),
            link=text.storable(message.link),
            attachments=tuple(carried),
            buttons=message.buttons[: self.buttons],
        )

    def ended(self, body: str, linked: Sequence[Attached]) -> str:
        """The body as it goes out, with the links of these files behind it; it is cut for them to at most a half."""
        ending = self.ending(linked)
        if not ending:
            return self.body_fitted(body)
        return f"{self.body_fitted(body, self.max_length - text.length(ending) - 1)}\n{ending}"

    def ending(self, linked: Sequence[Attached]) -> str:
        """The links of as many of the files as fit into half of a message, as they go out."""
        for count in range(len(linked), 0, -1):
            written = files.links(linked[:count], self.text_format)
            made = self.body_fitted(written) if written else ""
            if text.length(made) <= self.max_length // 2:
                return made
        return ""

    def links_behind(self, body: str, message: OutboundMessage) -> str:
        """What `ended` put behind this body; for channels that cut it once more, by a measure of their own."""
        _, linked = files.parted(message.attachments, self.carries)
        ending = f"\n{self.ending(linked)}"
        return ending if len(ending) > 1 and body.endswith(ending) else ""

    def body_fitted(self, body: str, limit: int = 0) -> str:
        """A body of `text_format` as it goes out: in the channel's own markup where that is another, and cut to `limit`
        (0: what the channel takes)."""
        fit: Callable[[str, int], str] = _FIT[self.text_format]
        return fit(body, limit or self.max_length)

    @classmethod
    def shows(cls, urls: Iterable[str]) -> bool:
        """Whether these links can all be buttons: providers refuse a message for a button to a host without a dot."""
        found = list(urls)
        return len(found) <= cls.buttons and all(
            len(url) <= cls.button_url_max and "." in (urlsplit(url).hostname or "") for url in found
        )

    def masked(self, words: str, message: OutboundMessage) -> str:
        """`words` without any secret of the channel or of the endpoint."""
        secrets = [str(self.config.get(row.name) or "") for row in self.settings if row.secret]
        secrets += [message.credentials.get(field.name, "") for field in self.credential_fields if field.secret]
        for secret in filter(None, secrets):
            words = words.replace(secret, mask(secret))
        return words

    @classmethod
    def credentials_check(cls, credentials: Mapping[str, str]) -> None:
        """PermanentError(code="bad_credentials") where a required field is missing or an unknown one is given."""
        known = {field.name for field in cls.credential_fields}
        missing = [field.name for field in cls.credential_fields if field.required and not credentials.get(field.name)]
        unknown = sorted(set(credentials) - known)
        if missing or unknown:
            what = [f"needs {name}" for name in missing] + [f"does not know {name}" for name in unknown]
            raise PermanentError(f"A {cls.name} endpoint {', '.join(what)}.", code="bad_credentials")


def retry_after_seconds(value: str | float | None, *, default: float) -> float:
    """A `Retry-After` (seconds or an HTTP date, RFC 9110 section 10.2.3) in seconds, between one and a day.

    What can't be read is `default`: a provider that says "later" unclearly still said "later"."""
    if value is None:
        return default
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(str(value))
        except ValueError:
            return default
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (moment - _wall()).total_seconds()
    if seconds != seconds:  # NaN
        return default
    return min(max(seconds, RETRY_AFTER_MIN_S), RETRY_AFTER_MAX_S)


def _plain_ended(body: str, linked: Sequence[Attached], limit: int) -> str:
    """The words without markup, where a message has them, with the links."""
    ending = files.links(linked, TextFormat.PLAIN)
    if not body or not ending or len(ending) > limit // 2:
        return text.fit_plain(body, limit)
    return f"{text.fit_plain(body, limit - len(ending) - 1)}\n{ending}"


def _wall() -> datetime:
    return wall_now()


def _fit_json(body: str, limit: int) -> str:
    size = len(body.encode())
    if size > limit:
        raise PermanentError(f"The message has {size:,} bytes, the channel takes {limit:,}.", code="too_large")
    return body


_FIT: dict[TextFormat, Callable[[str, int], str]] = {
    TextFormat.PLAIN: text.fit_plain,
    TextFormat.HTML: text.fit_html,
    TextFormat.JSON: _fit_json,
}
