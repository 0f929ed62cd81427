"""The table of channels: a row here and a file beside it is all that a new one takes."""

from apps.core.registry import Registry
from apps.notifications.channels.base import Channel

CHANNELS: Registry[Channel] = Registry(
    "channel",
    Channel,  # type: ignore[type-abstract]
    {
        "telegram": "apps.notifications.channels.telegram.TelegramChannel",
        "webhook": "apps.notifications.channels.webhook.WebhookChannel",
        "email": "apps.notifications.channels.email.EmailChannel",
    },
)
