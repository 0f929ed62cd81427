"""One message as HTML, Markdown, plain text or JSON: what its words say, apart from any channel."""

from datetime import datetime
from typing import Any, Final

from apps.core.exceptions import PermanentError
from apps.notifications.enums import MessageForm
from apps.notifications.models import Notification
from apps.notifications.services.attachments import bundled
from apps.notifications.services.files import attached
from apps.notifications.services.messages import payload_make

# Where the JSON has the others.
_PLACES: Final = {MessageForm.HTML: "html", MessageForm.MARKDOWN: "markdown", MessageForm.PLAIN: "text"}


def message_read(*, notification: Notification, form: MessageForm, now: datetime) -> dict[str, Any]:
    """A message (its user loaded) in the words that are active now: {form, subject, text}, for JSON {form, subject,
    data}.

    PermanentError(code="sealed") for what only its address may read, TemplateError where it can't be made any more."""
    if notification.sealed:
        raise PermanentError("This message holds a code: only its address gets to read it.", code="sealed")
    attachments = bundled([notification.bundle], now=now).get(notification.bundle, ())
    payload = payload_make(notification, now=now, files=[attached(one, read=False) for one in attachments])
    read = {"form": form.value, "subject": payload["data"]["subject"]}
    return read | ({"data": payload} if form is MessageForm.JSON else {"text": payload["data"][_PLACES[form]]})
