"""Slack's incoming webhooks, https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit

from apps.core import http
from apps.core.exceptions import PermanentError, TemporaryError
from apps.core.limits import Limit
from apps.notifications.channels import markup
from apps.notifications.channels.base import Channel, CredentialField, Setting
from apps.notifications.channels.http import answer_check
from apps.notifications.channels.text import fit_plain, length
from apps.notifications.enums import TextFormat
from apps.notifications.exceptions import EndpointGoneError
from apps.notifications.types import Button, OutboundMessage, Sent

_URL = re.compile(r"^https://hooks\.slack\.com/services/(T[A-Z0-9]{6,20}/B[A-Z0-9]{6,20})/([A-Za-z0-9]{16,64})/?$")
_ADDRESS = re.compile(r"^T[A-Z0-9]{6,20}/B[A-Z0-9]{6,20}$")
_TOKEN = re.compile(r"^[A-Za-z0-9]{16,64}$")
# "Text for the block … Maximum length for the text in this field is 3000 characters":
# https://docs.slack.dev/reference/block-kit/blocks/section-block
SECTION_LENGTH = 3000
# Answers after which this webhook never takes a message again, whatever the status:
# https://docs.slack.dev/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks and the errors on the page above.
_GONE = frozenset({
    "action_prohibited", "channel_is_archived", "channel_not_found", "invalid_token", "no_active_hooks", "no_service",
    "no_service_id", "no_team", "posting_to_general_channel_denied", "team_disabled", "user_not_found",
})  # fmt: skip
# "The three characters are &, < and >": with them escaped no <!channel> and no <@U…> in a value can be one.
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_MARKS = {markup.BOLD: "*", markup.ITALIC: "_", markup.STRIKE: "~"}
_ANSWER_BYTES = 2_000


class SlackChannel(Channel):
    """Messages to the Slack channel that a webhook was made for; its URL is a secret."""

    name: ClassVar[str] = "slack"
    label: ClassVar[str] = "Slack"
    address_label: ClassVar[str] = "webhook URL"
    text_format: ClassVar[TextFormat] = TextFormat.HTML
    wants_plain: ClassVar[bool] = True
    # "Messages with more than 40,000 characters are truncated" (chat.postMessage): at most 27 sections, 50 are allowed.
    max_length: ClassVar[int] = 40_000
    # Shown where there is room for no more than a line.
    subject_max_length: ClassVar[int] = 150
    # "1 per second" and webhook, "short bursts >1 allowed", https://docs.slack.dev/apis/web-api/rate-limits. For all of
    # them together no figure is published; ours is a polite one.
    provider_limits: ClassVar[tuple[Limit, ...]] = (Limit(50, 1),)
    endpoint_limits: ClassVar[tuple[Limit, ...]] = (Limit(1, 1),)
    credential_fields: ClassVar[tuple[CredentialField, ...]] = (CredentialField("token", "End of the webhook URL"),)
    settings: ClassVar[tuple[Setting, ...]] = (Setting("url", "SLACK_WEBHOOK_URL", required=True),)
    own_pauses: ClassVar[bool] = True
    # "There is a maximum of 25 elements in each action block", labels of 75 characters, URLs of 3,000:
    # https://docs.slack.dev/reference/block-kit/block-elements/button-element
    buttons: ClassVar[int] = 25

    def host(self, address: str) -> str:
        """One provider for all webhooks."""
        del address
        return urlsplit(str(self.config["url"])).netloc

    @classmethod
    def parted(cls, address: str, credentials: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        """The webhook URL's last part is the secret; what comes before names the workspace and the webhook."""
        match = _URL.match(address.strip())
        if match is None:
            return super().parted(address, credentials)
        return match[1], {**credentials, "token": match[2]}

    @classmethod
    def address_clean(cls, address: str) -> str:
        """`T…/B…` of a webhook URL at hooks.slack.com; any other host is refused."""
        cleaned = address.strip()
        match = _URL.match(cleaned)
        if match is None and not _ADDRESS.match(cleaned):
            raise PermanentError(
                "A Slack address is an incoming webhook's URL: https://hooks.slack.com/services/T…/B…/…",
                code="bad_address",
            )
        return match[1] if match else cleaned

    @classmethod
    def credentials_check(cls, credentials: Mapping[str, str]) -> None:
        """Besides the base's checks: the token has the shape of one, so that it can't lead to another path."""
        super().credentials_check(credentials)
        if not _TOKEN.match(credentials["token"]):
            raise PermanentError("This is no token of a Slack webhook: give the whole URL.", code="bad_credentials")

    def body_fitted(self, body: str, limit: int = 0) -> str:
        """mrkdwn whose lines each fit into a section."""
        return markup.written(body, _run, limit or self.max_length, line_limit=SECTION_LENGTH)

    async def transmit(self, message: OutboundMessage) -> Sent:
        """One POST; success is a 200 that says `ok`."""
        response = await http.request(
            "POST",
            f"{self.config['url']}/{message.address}/{message.credentials['token']}",
            json=payload(message),
            timeout=self.timeout_s,
            max_bytes=_ANSWER_BYTES,
            only_start=True,
        )
        words = response.body.decode(errors="replace").strip()
        if response.status != 429 and words in _GONE:
            raise EndpointGoneError(f"Slack takes no more messages for this webhook: {words}.", code=words)
        if response.status == 410:
            raise EndpointGoneError("Slack's webhook is gone: 410.", code="webhook_gone")
        answer_check(response, "Slack")
        if words != "ok":
            raise TemporaryError("Slack's address answered something that is not Slack's ok.", code="garbage")
        # Slack gives no id.
        return Sent(message.delivery_id)


def payload(message: OutboundMessage) -> dict[str, Any]:
    """The JSON: sections with the words, and a text for notifications; PermanentError(code="empty") without words."""
    texts = _sections(message.body)
    short = escaped(message.subject or fit_plain(message.text_body, SECTION_LENGTH // 5))
    if not texts and not short.strip():
        raise PermanentError("The message has no words.", code="empty")
    made: dict[str, Any] = {"text": short or texts[0], "unfurl_links": False, "unfurl_media": False}
    if texts:
        # `verbatim`: Slack makes no mentions or channel links out of plain words.
        made["blocks"] = [
            {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}} for text in texts
        ]
        if message.buttons:
            made["blocks"].append({"type": "actions", "elements": _buttons(message.buttons)})
    return made


def _buttons(buttons: Sequence[Button]) -> list[dict[str, Any]]:
    return [
        {"type": "button", "text": {"type": "plain_text", "text": one.label}, "url": one.url, "action_id": f"link-{n}"}
        for n, one in enumerate(buttons)
    ]


def escaped(words: str) -> str:
    """Words that Slack shows as they are."""
    return words.translate(_ESCAPES)


def _sections(body: str) -> list[str]:
    sections: list[str] = []
    for line in body.split("\n"):
        joined = f"{sections[-1]}\n{line}" if sections else line
        if sections and length(joined) <= SECTION_LENGTH:
            sections[-1] = joined
        else:
            sections.append(line)
    return [section for section in sections if section.strip()]


def _run(run: markup.Run) -> str:
    if run.href:
        label = escaped(run.text).replace("|", "¦")
        url = escaped(run.href)
        return f"<{url}>" if run.text == run.href else f"<{url}|{label}>"
    if markup.CODE in run.marks:
        return markup.around(escaped(run.text).replace("`", "'"), "`")
    words = escaped(run.text)
    for name, mark in _MARKS.items():
        if name in run.marks:
            words = markup.around(words, mark)
    return words
