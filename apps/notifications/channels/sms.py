"""SMS by Twilio's Messages API, https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource;
errors: https://www.twilio.com/docs/api/errors"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode, urlsplit

from apps.core import http
from apps.core.exceptions import OperatorError, PermanentError, TemporaryError, ThrottledError
from apps.core.later import later
from apps.core.limits import Limit
from apps.notifications import sms_callback
from apps.notifications.channels import sms_text
from apps.notifications.channels.base import Channel, Setting, retry_after_seconds
from apps.notifications.channels.http import THROTTLE_DEFAULT_S, answer_check, header
from apps.notifications.enums import TextFormat
from apps.notifications.exceptions import EndpointGoneError
from apps.notifications.types import OutboundMessage, Sent

if TYPE_CHECKING:
    import phonenumbers
else:
    phonenumbers = later("phonenumbers")

# The number will never take a message of ours: invalid, not reachable by SMS, a landline, or its owner wrote STOP.
_GONE = frozenset({21211, 21214, 21217, 21265, 21266, 21401, 21610, 21614, 21635, 30004, 30005, 30006})
# Our account, our sender or its permissions: the same for every number until the operator does something.
_OURS = frozenset(
    {10001, 20003, 20005, 20008, 20404, 21212, 21408, 21603, 21606, 21608, 21612, 21659, 21660, 21661, 21705, 30002}
)
# Too many at once: of requests, in the sender's queue.
_BUSY = frozenset({20429, 21611, 30001})
# "Unreachable destination handset", "unknown error", "filtered": a code with a message that was taken all the same.
_TEMPORARY = frozenset({30003, 30008})
_NOT_TAKEN = frozenset({"failed", "undelivered", "canceled"})
# ValidityPeriod, seconds: how long a message may wait in Twilio's queue; longer than four hours is not always taken.
_VALID_S = (10, 14_400)


class SmsChannel(Channel):
    """Text messages to phones; what they cost is bounded by SMS_MAX_SEGMENTS and by the limits per number."""

    name: ClassVar[str] = "sms"
    label: ClassVar[str] = "SMS"
    address_label: ClassVar[str] = "phone number"
    text_format: ClassVar[TextFormat] = TextFormat.PLAIN
    # "The text content of the message, up to 1,600 characters" (Body); SMS_MAX_SEGMENTS cuts long before.
    max_length: ClassVar[int] = 1600
    # Ten messages a second is the default of a long code outside the USA; what comes faster waits in Twilio's queue:
    # https://help.twilio.com/articles/115002943027
    provider_limits: ClassVar[tuple[Limit, ...]] = (Limit(10, 1),)
    # No figure of Twilio's: each costs money, and who could name any number could make us pay for a flood.
    endpoint_limits: ClassVar[tuple[Limit, ...]] = (Limit(1, 1), Limit(20, 3600), Limit(60, 86_400))
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("account", "TWILIO_ACCOUNT_SID", required=True),
        Setting("token", "TWILIO_AUTH_TOKEN", required=True, secret=True),
        Setting("sender", "SMS_FROM", required=True),
        Setting("max_segments", "SMS_MAX_SEGMENTS", required=True),
        Setting("url", "TWILIO_API_URL", required=True),
        Setting("status_url", "TWILIO_STATUS_URL"),
    )

    def host(self, address: str) -> str:
        """One gateway for all numbers."""
        del address
        return urlsplit(str(self.config["url"])).netloc

    @classmethod
    def address_clean(cls, address: str) -> str:
        """E.164: a plus sign, the country code and the number; only lines that can take SMS at the usual price."""
        try:
            number = phonenumbers.parse(address, None)
        except phonenumbers.NumberParseException:
            raise _bad("Write the phone number with + and its country code, for example +49 1512 3456789.") from None
        if number.extension or not phonenumbers.is_valid_number(number):
            raise _bad("There is no such phone number: check the country code and the digits.")
        kinds = phonenumbers.PhoneNumberType
        takes_sms = (kinds.MOBILE, kinds.FIXED_LINE_OR_MOBILE, kinds.VOIP, kinds.PERSONAL_NUMBER, kinds.UNKNOWN)
        if phonenumbers.number_type(number) not in takes_sms:
            raise _bad("This is no mobile number: landlines and service numbers are not sent SMS.")
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

    def fitted(self, message: OutboundMessage) -> OutboundMessage:
        """In plain spelling, in at most so many segments as the operator allows."""
        smoothed = replace(message, body=sms_text.smooth(message.body))
        most = int(self.config["max_segments"])
        fitted = super().fitted(smoothed)
        if message.attachments and sms_text.segments(fitted.body) > most:
            # A link of a hundred characters is worth less than the words that it would cost.
            fitted = super().fitted(replace(smoothed, attachments=()))
        return replace(fitted, body=sms_text.fit(fitted.body, most))

    async def transmit(self, message: OutboundMessage) -> Sent:
        """One message into the gateway's queue; what networks say later comes by status callback."""
        sender = str(self.config["sender"])
        form = {
            "To": message.address,
            "MessagingServiceSid" if _is_service(sender) else "From": sender,
            "Body": message.body,
            "ValidityPeriod": str(min(max(message.lasts_s, _VALID_S[0]), _VALID_S[1])),
        }
        if self.config.get("status_url"):
            form["StatusCallback"] = sms_callback.url(str(self.config["status_url"]), message.delivery_id)
        account = str(self.config["account"])
        response = await http.request(
            "POST",
            f"{self.config['url']}/2010-04-01/Accounts/{account}/Messages.json",
            headers={
                "Authorization": "Basic " + b64encode(f"{account}:{self.config['token']}".encode()).decode(),
                "Content-Type": "application/x-www-form-urlencoded",
            },
            body=urlencode(form).encode(),
            timeout=self.timeout_s,
        )
        answer = _decoded(response)
        if not 200 <= response.status < 300:
            _refused(answer.get("code"), str(answer.get("message", "")), response)
            answer_check(response, "Twilio", ours=True)
        if answer.get("status") in _NOT_TAKEN:
            _refused(answer.get("error_code"), str(answer.get("error_message") or ""), response)
            raise PermanentError(f"Twilio did not take the message: {answer.get('error_message')}", code="not_taken")
        sid = answer.get("sid")
        if not isinstance(sid, str) or not sid:
            raise TemporaryError("Twilio's answer does not say that it took the message.", code="garbage")
        return Sent(sid)


def number_is_gone(code: int) -> bool:
    """Whether this error says that the number will never take a message of ours."""
    return code in _GONE


def _refused(code: Any, words: str, response: http.HttpResponse) -> None:
    """Raise for a code whose meaning is known; the status speaks for the others."""
    told, name = f"Twilio refuses ({code}): {words}", f"twilio_{code}"
    if code in _GONE:
        raise EndpointGoneError(told, code=name)
    if code in _OURS:
        raise OperatorError(told, code=name)
    if code in _BUSY:
        pause = retry_after_seconds(header(response.headers, "Retry-After"), default=THROTTLE_DEFAULT_S)
        raise ThrottledError(told, retry_after=pause, code=name)
    if code in _TEMPORARY:
        raise TemporaryError(told, code=name)


def _decoded(response: http.HttpResponse) -> Mapping[str, Any]:
    try:
        answer = response.json()
    except TemporaryError:
        answer = None
    if isinstance(answer, Mapping):
        return answer
    answer_check(response, "Twilio", ours=True)
    raise TemporaryError("The SMS gateway's address answered something that is not its API.", code="garbage")


def _is_service(sender: str) -> bool:
    """Whether it is a Messaging Service ("MG" and 32 hexadecimal digits) and no number or name."""
    return sender.startswith("MG") and len(sender) == 34


def _bad(words: str) -> PermanentError:
    return PermanentError(words, code="bad_address")
