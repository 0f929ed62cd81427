"""Choices of the notifications room."""

from enum import StrEnum

from django.db.models import TextChoices


class Priority(TextChoices):
    """How urgent a message is; each has its own queue, so a flood of low ones never delays a critical one."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    BACKGROUND = "background"

    @property
    def queue(self) -> str:
        """The Celery queue that carries this priority."""
        return f"notify.{self.value}"


class NotificationState(TextChoices):
    """What became of a message owed to one person, over all of its deliveries."""

    PENDING = "pending"
    DELIVERED = "delivered"  # at least one route has it
    EXPIRED = "expired"
    DEAD = "dead"  # nobody could be reached


class DeliveryState(TextChoices):
    """Where one message on one endpoint stands."""

    PENDING = "pending"
    SENDING = "sending"  # leased by a worker
    DELIVERED = "delivered"
    FAILED = "failed"  # given up here, the next endpoint of the route has taken over
    EXPIRED = "expired"
    DEAD = "dead"  # given up, and nobody was left to take over: a dead letter


class Outcome(TextChoices):
    """How one attempt ended."""

    DELIVERED = "delivered"
    TEMPORARY = "temporary"
    THROTTLED = "throttled"
    PERMANENT = "permanent"
    LOST = "lost"  # the worker died or was cut off; whether it arrived is unknown


class Held(TextChoices):
    """What becomes of a message that falls into its reader's quiet hours."""

    LATER = "later", "sent afterwards, if it still matters then"
    DIGEST = "digest", "the same; what no longer matters is summed up in one message"
    DROP = "drop", "not sent"


class Report(TextChoices):
    """How often a person is sent a report."""

    OFF = "off", "never"
    DAILY = "daily", "every day"
    WEEKLY = "weekly", "every week"


class TextFormat(StrEnum):
    """What a channel makes of the text it is given; those with a markup of their own write HTML in it."""

    PLAIN = "plain"
    HTML = "html"
    JSON = "json"


class Markup(TextChoices):
    """What a template's words are; each channel gets them in its own format."""

    TEXT = "text", "plain text"
    HTML = "html", "HTML"


class Answer(TextChoices):
    """What a reader can say of a message by a link in it."""

    USEFUL = "useful", "useful"
    NOT_USEFUL = "not_useful", "not useful"


class MessageForm(TextChoices):
    """What a message can be read in."""

    HTML = "html", "HTML"
    MARKDOWN = "markdown", "Markdown"
    PLAIN = "plain", "plain text"
    JSON = "json", "JSON"
