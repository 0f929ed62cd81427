"""The table of channels: a row here and a file beside it is all that a new one takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apps.core.registry import Registry

if TYPE_CHECKING:
    from apps.notifications.channels.base import Channel

CHANNELS: Registry[Channel] = Registry(
    "channel",
    "apps.notifications.channels.base.Channel",
    {
        "telegram": "apps.notifications.channels.telegram.TelegramChannel",
        "webhook": "apps.notifications.channels.webhook.WebhookChannel",
        "email": "apps.notifications.channels.email.EmailChannel",
        "slack": "apps.notifications.channels.slack.SlackChannel",
        "discord": "apps.notifications.channels.discord.DiscordChannel",
        "push": "apps.notifications.channels.push.PushChannel",
        "fcm": "apps.notifications.channels.fcm.FcmChannel",
        "sms": "apps.notifications.channels.sms.SmsChannel",
        "custom": "apps.notifications.channels.custom.CustomChannel",
    },
)
