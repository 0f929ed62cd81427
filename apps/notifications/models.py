"""What is owed to whom, where it can be sent and what became of it. Queue messages are only doorbells."""

import uuid

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from apps.notifications.enums import (
    Answer,
    DeliveryState,
    Held,
    Markup,
    NotificationState,
    Outcome,
    Priority,
    Report,
)


class Endpoint(models.Model):
    """A person's address on a channel. Each route gets a message; inside one, positions are tried in order."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="endpoints")
    channel = models.CharField(max_length=32)
    address = models.CharField(max_length=500)
    credentials = models.TextField(blank=True, editable=False, help_text="Encrypted by the vault.")
    label = models.CharField(max_length=80, blank=True)
    group = models.BooleanField(
        default=False, help_text="Many people read there: it is on no route and gets only what is meant for the group."
    )
    route = models.PositiveSmallIntegerField(default=0)
    position = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    verified_at = models.DateTimeField(null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_reason = models.CharField(max_length=300, blank=True)
    # Taken away by its owner; the row stays while deliveries tell of it.
    removed_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("user_id", "route", "position", "created_at")
        constraints = (
            models.UniqueConstraint(
                fields=("user", "channel", "address"),
                name="notifications_endpoint_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.channel} {self.label or self.pk}"

    @property
    def usable(self) -> bool:
        """Whether messages may go there: verified by its owner and not switched off."""
        return self.verified_at is not None and self.disabled_at is None


class ReachPreferences(models.Model):
    """When one person wants to be reached. Quiet hours are by the clocks of their own time zone."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="reach_preferences"
    )
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_to = models.TimeField(null=True, blank=True)
    quiet_days = models.JSONField(
        default=list, blank=True, help_text="ISO days on which quiet hours begin (Monday is 1); empty: all."
    )
    quiet_policy = models.CharField(max_length=16, choices=Held.choices, default=Held.LATER)
    critical_anyway = models.BooleanField(default=True, help_text="Critical messages are sent in quiet hours too.")
    digest = models.BooleanField(
        default=True, help_text="What limits on messages kept back until it was too late is summed up in one message."
    )
    digested_at = models.DateTimeField(null=True, blank=True, editable=False)
    report = models.CharField(max_length=8, choices=Report.choices, default=Report.OFF)
    report_hour = models.PositiveSmallIntegerField(
        default=8, validators=[MaxValueValidator(23)], help_text="By the person's own clocks."
    )
    report_day = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(7)],
        help_text="ISO day of weekly reports; Monday is 1.",
    )
    report_next_at = models.DateTimeField(null=True, blank=True, editable=False, db_index=True)

    class Meta:
        verbose_name_plural = "reach preferences"
        constraints = (
            models.CheckConstraint(
                condition=Q(quiet_from__isnull=True, quiet_to__isnull=True)
                | (Q(quiet_from__isnull=False, quiet_to__isnull=False) & ~Q(quiet_from=models.F("quiet_to"))),
                name="notifications_quiet_hours",
            ),
        )

    def __str__(self) -> str:
        return f"of {self.user_id}"


class EndpointCode(models.Model):
    """A code on its way to an address, or a link that will tell one (`endpoint` is empty until then).

    Whoever gives it back has shown that they read what arrives there. Only its keyed digest is stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, null=True, blank=True, related_name="codes")
    channel = models.CharField(max_length=32)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(db_index=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.channel} code of {self.created_at:%Y-%m-%d %H:%M}"


class DeliveryProfile(models.Model):
    """An operators' own way to run deliveries; `notifications.profile` names the one in force."""

    name = models.SlugField(max_length=40, primary_key=True)
    batch = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(100)], help_text="Leased at a time."
    )
    concurrency = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(500)], help_text="Under way in one process."
    )
    timeout_s = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(120)], help_text="Seconds that one may take."
    )
    attempts = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(20)], help_text="Tries before another endpoint takes over."
    )
    statistics_days = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(3650)], help_text="How long statistics are kept."
    )

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Shipped profiles keep their names."""
        if self.name in settings.DELIVERY_PROFILES:
            raise ValidationError({"name": f"{self.name} is shipped: choose another name."})


class Template(models.Model):
    """One version of the words of a message. It is never edited: new words are a new version.

    Of each variant (empty: the only one) of a name, channel and locale one version is active; readers are spread over
    the variants by weight. `pins` are the versions of the templates it refers to, so an active version says the same
    words until another one is activated."""

    name = models.CharField(max_length=80)
    channel = models.CharField(max_length=32, blank=True, help_text="Empty: for every channel without its own.")
    locale = models.CharField(max_length=16, default="en")
    version = models.PositiveIntegerField(default=1)
    variant = models.CharField(max_length=16, blank=True, help_text="Empty where everybody reads the same words.")
    weight = models.PositiveSmallIntegerField(default=100, help_text="Share of readers, against the other variants'.")
    active = models.BooleanField(default=True)
    markup = models.CharField(max_length=8, choices=Markup.choices, default=Markup.TEXT)
    variables = models.JSONField(default=list, blank=True)
    subject = models.TextField(blank=True)
    body = models.TextField()
    pins = models.JSONField(default=dict, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )

    class Meta:
        ordering = ("name", "channel", "locale", "-version")
        constraints = (
            models.UniqueConstraint(
                fields=("name", "channel", "locale", "version"),
                name="notifications_template_version",
            ),
            models.UniqueConstraint(
                fields=("name", "channel", "locale", "variant"),
                condition=Q(active=True),
                name="notifications_template_active",
            ),
        )

    def __str__(self) -> str:
        variant = f" · {self.variant}" if self.variant else ""
        return f"{self.name} · {self.channel or 'any'} · {self.locale}{variant} · v{self.version}"


class Notification(models.Model):
    """One message owed to one person, whatever channels it takes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications")
    template = models.CharField(max_length=80)
    context = models.JSONField(default=dict)
    sealed = models.TextField(
        blank=True, editable=False, help_text="More of the context, for the recipient alone. Encrypted by the vault."
    )
    # For this address alone; empty: the person's routes say where.
    to_endpoint = models.ForeignKey(Endpoint, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    confirms = models.BooleanField(
        default=False,
        help_text="It carries the code that confirms its address, so it may go there before that.",
    )
    bundle = models.CharField(
        max_length=80, blank=True, help_text="Of the attachments that go with it, as far as they are there by then."
    )
    priority = models.CharField(max_length=16, choices=Priority.choices)
    dedupe_key = models.CharField(max_length=200, unique=True)
    origin = models.CharField(max_length=16)
    state = models.CharField(
        max_length=16,
        choices=NotificationState.choices,
        default=NotificationState.PENDING,
    )
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(db_index=True)
    send_at = models.DateTimeField(null=True, blank=True, help_text="Not before then; empty: at once.")
    expires_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)
        indexes = (
            models.Index(fields=("user", "-created_at"), name="notifications_of_user"),
            # For digests: what ended of late. Messages that are under way cost nothing here.
            models.Index(
                fields=("state", "finished_at"), condition=Q(finished_at__isnull=False), name="notifications_finished"
            ),
        )

    def __str__(self) -> str:
        return f"{self.template} {self.dedupe_key}"


class Delivery(models.Model):
    """That message on one endpoint. A worker holds it by `lease_token` until `lease_until`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="deliveries")
    # RESTRICT, not CASCADE: history outlives a wish to drop an address (it is disabled instead), but not its owner.
    endpoint = models.ForeignKey(Endpoint, on_delete=models.RESTRICT, related_name="deliveries")
    channel = models.CharField(max_length=32)
    # The version whose words were sent last; what its readers said stands in MessageFeedback.
    template = models.ForeignKey(
        Template, null=True, blank=True, editable=False, on_delete=models.RESTRICT, related_name="deliveries"
    )
    priority = models.CharField(max_length=16, choices=Priority.choices)
    state = models.CharField(max_length=16, choices=DeliveryState.choices, default=DeliveryState.PENDING)
    # Both in real time: a replayed clock may stand still or start anew, retries and leases must not.
    next_attempt_at = models.DateTimeField()
    lease_token = models.UUIDField(null=True, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=500, blank=True)
    notes = models.JSONField(
        default=list, blank=True, editable=False, help_text="What kept it waiting between its tries, and how often."
    )
    provider_message_id = models.CharField(max_length=200, blank=True)
    provider = models.CharField(max_length=100, blank=True, editable=False, help_text="The host of its last try.")
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ("-created_at",)
        constraints = (
            # Falling back is idempotent: a route's next endpoint can be taken once per message.
            models.UniqueConstraint(fields=("notification", "endpoint"), name="notifications_delivery_once"),
            models.CheckConstraint(
                condition=Q(
                    state=DeliveryState.SENDING,
                    lease_token__isnull=False,
                    lease_until__isnull=False,
                )
                | (~Q(state=DeliveryState.SENDING) & Q(lease_token__isnull=True, lease_until__isnull=True)),
                name="notifications_delivery_lease",
            ),
        )
        indexes = (
            # Whole, not partial, indexes: SQLite does not use a partial one when the state is a bound parameter.
            models.Index(fields=("state", "priority", "next_attempt_at"), name="notifications_delivery_due"),
            models.Index(fields=("state", "lease_until"), name="notifications_delivery_leased"),
            models.Index(
                fields=("state", "channel", "-created_at"),
                name="notifications_delivery_list",
            ),
        )

    def __str__(self) -> str:
        return f"{self.channel} {self.state} {self.pk}"


class DeliveryAttempt(models.Model):
    """One try at one delivery. `number` is the attempt it counted as; a throttled try keeps the number for the next."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempt_rows")
    number = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    outcome = models.CharField(max_length=16, choices=Outcome.choices)
    code = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ("delivery_id", "started_at")

    def __str__(self) -> str:
        return f"{self.delivery_id} #{self.number} {self.outcome}"


class StatisticsHour(models.Model):
    """An hour (its beginning) whose deliveries were counted: the last time at `rolled_at`, which took `took_s` seconds.

    Counted before `final_at`, it will be counted anew: what ended in it may still change."""

    hour = models.DateTimeField(primary_key=True)
    rolled_at = models.DateTimeField()
    took_s = models.FloatField(default=0)
    final_at = models.DateTimeField()

    class Meta:
        ordering = ("-hour",)

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H:%M} UTC"


class DeliveryStatistic(models.Model):
    """What became of the deliveries of messages that ended in one hour (or in one day: its hours added up), on one
    channel, at one provider, in the words of one template (its name). Replaced as a whole whenever its hour is counted;
    see `statistics.cells`."""

    hours = models.PositiveSmallIntegerField(choices=((1, "an hour"), (24, "a day")))
    hour = models.DateTimeField(verbose_name="from")
    channel = models.CharField(max_length=32)
    provider = models.CharField(max_length=100, blank=True, help_text="A host; empty where no try came so far.")
    template = models.CharField(max_length=80)
    delivered = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0, help_text="Another endpoint took over.")
    dead = models.PositiveIntegerField(default=0, help_text="Nobody took over.")
    expired = models.PositiveIntegerField(default=0)
    retried = models.PositiveIntegerField(default=0, help_text="Took more than one try.")
    attempts = models.PositiveIntegerField(default=0)
    reasons = models.JSONField(default=dict, help_text="Of what was not delivered, by trouble/code.")
    errors = models.JSONField(default=dict, help_text="Of tries, by trouble/code.")
    latency = models.JSONField(default=dict, help_text="From when it was due to its delivery, in microseconds.")
    latency_buckets = models.BinaryField(default=bytes)
    calls = models.JSONField(default=dict, help_text="How long tries took, in microseconds.")
    calls_buckets = models.BinaryField(default=bytes)

    class Meta:
        ordering = ("-hour", "hours", "channel", "provider", "template")
        constraints = (
            models.UniqueConstraint(
                fields=("hours", "hour", "channel", "provider", "template"), name="notifications_statistic_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H:%M} {self.channel} {self.provider} {self.template}"


class MessageFeedback(models.Model):
    """What a reader said of a message by a link in it; each answer counts once per delivery."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="feedback_rows")
    # The delivery's at that moment, so that counting needs no join.
    template = models.ForeignKey(Template, null=True, on_delete=models.RESTRICT, related_name="feedback_rows")
    answer = models.CharField(max_length=16, choices=Answer.choices)
    given_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "message feedback"
        ordering = ("-given_at",)
        constraints = (models.UniqueConstraint(fields=("delivery", "answer"), name="notifications_feedback_once"),)
        indexes = (models.Index(fields=("template", "answer"), name="notifications_feedback_count"),)

    def __str__(self) -> str:
        return f"{self.answer} · {self.delivery_id}"


class StoredFile(models.Model):
    """A file on the storage `attachments`, once however many messages carry it; `path` says where.

    Its row is there before it and goes after it, so no crash leaves a file that nobody knows. Who is about to use it
    notes `used_at`; only what nobody has used for a while can get `doomed_at`, and then nobody may use it again."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    sha256 = models.CharField(max_length=64)
    content_type = models.CharField(max_length=80)
    size = models.PositiveIntegerField(help_text="bytes")
    used_at = models.DateTimeField(db_index=True)
    stored_at = models.DateTimeField(null=True, blank=True)
    doomed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-used_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("sha256", "content_type"), condition=Q(doomed_at__isnull=True), name="notifications_file_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.content_type} {self.sha256[:12]}"

    @property
    def path(self) -> str:
        """Its name on the storage: by content, and of this row alone, so that a successor is another file."""
        return f"{self.sha256[:2]}/{self.sha256}-{self.pk.hex[:8]}"


class Attachment(models.Model):
    """A file under the name that its readers see. All messages of a `bundle` carry the same ones."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    bundle = models.CharField(max_length=80)
    filename = models.CharField(max_length=80)
    file = models.ForeignKey(StoredFile, on_delete=models.RESTRICT, related_name="attachments")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True, help_text="Links to it lead nowhere afterwards.")

    class Meta:
        ordering = ("bundle", "filename")
        constraints = (models.UniqueConstraint(fields=("bundle", "filename"), name="notifications_attachment_once"),)

    def __str__(self) -> str:
        return f"{self.bundle} {self.filename}"
