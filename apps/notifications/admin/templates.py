"""The words of messages. A version is never edited: new words are a new version, so old messages can be explained."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import ngettext
from unfold.widgets import UnfoldAdminTextareaWidget

from apps.core.admin.base import AuditedAdmin, ReadOnlyAdmin, display, table_html
from apps.core.exceptions import ArbEdgeError
from apps.core.later import later
from apps.notifications.exceptions import TemplateError
from apps.notifications.models import MessageFeedback, Notification, Template

if TYPE_CHECKING:
    from apps.notifications import selectors, services
    from apps.notifications.services import templates as template_services
else:
    selectors = later("apps.notifications.selectors")
    services = later("apps.notifications.services")
    template_services = later("apps.notifications.services.templates")

COPIED = ("name", "channel", "locale", "variant", "weight", "markup", "variables", "subject", "body")


class TemplateAddForm(forms.ModelForm):
    """New words; what could never be rendered is told on the form."""

    # Empty: as in the version before.
    markup = forms.CharField(required=False, help_text="text or html; empty: as before, or what the channel takes.")
    variables = forms.JSONField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6, "class": "font-mono"}),
        help_text="A list of objects with name, type, example, and if needed required, format, items, description. "
        "Empty: as in the version before.",
    )
    weight = forms.IntegerField(required=False, min_value=0, help_text="Empty: 100.")

    class Meta:
        model = Template
        fields = COPIED
        widgets = {
            "subject": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
            "body": UnfoldAdminTextareaWidget(attrs={"rows": 14, "class": "font-mono"}),
        }

    def draft(self) -> dict[str, Any]:
        """What the service takes."""
        given = {name: self.cleaned_data[name] for name in COPIED}
        given["weight"] = 100 if given["weight"] is None else given["weight"]
        return given | {"markup": given["markup"] or None, "variables": given["variables"] or None}

    def clean(self) -> dict[str, Any]:
        """Try the words as the service will."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if data.keys() >= set(COPIED):
            try:
                template_services.template_checked(template_services.Draft(**self.draft()))
            except TemplateError as error:
                self.add_error("variables" if error.code == "template_variables" else "body", error.message)
        return data

    def _post_clean(self) -> None:
        """The service makes the row, so there is no half-filled one to check here."""


@admin.register(Template)
class TemplateAdmin(AuditedAdmin):
    """Versions of words, how they look on every channel, and what readers said of them."""

    list_display = (
        "name",
        "show_channel",
        "locale",
        "variant",
        "version",
        "active",
        "weight",
        "created_by",
        "created_at",
    )
    list_filter = ("active", "name", "channel", "locale", "variant")
    list_select_related = ("created_by",)
    search_fields = ("name", "subject", "body")
    date_hierarchy = "created_at"
    actions = ("activate",)
    read = (
        "name",
        "show_channel",
        "locale",
        "variant",
        "version",
        "markup",
        "created_at",
        "created_by",
        "subject",
        "show_body",
        "show_variables",
        "show_preview",
        "show_statistics",
        "show_history",
        "show_copy",
    )

    @display("channel", ordering="channel")
    def show_channel(self, template: Template) -> str:
        """The channel, or all of them."""
        return template.channel or "any"

    @display("body")
    def show_body(self, template: Template) -> SafeString:
        """As written."""
        return _verbatim(template.body)

    @display("variables")
    def show_variables(self, template: Template) -> SafeString:
        """What a message has to carry."""
        rows = (
            (one["name"], one["type"], "yes" if one["required"] else "no", one["format"] or "–", one["example"])
            for one in template.variables
        )
        return table_html(("name", "type", "required", "format", "example"), rows)

    @display("preview")
    def show_preview(self, template: Template) -> SafeString | str:
        """With the facts of the newest message of this name, else with the examples; markup is shown, not obeyed."""
        newest = Notification.objects.filter(template=template.name).order_by("-created_at").first()
        source = "the examples" if newest is None else f"the message of {newest.created_at:%Y-%m-%d %H:%M} UTC"
        try:
            made = template_services.template_preview(row=template, facts=None if newest is None else newest.context)
        except ArbEdgeError as error:
            return error.message
        parts = (
            (
                one.channel,
                one.error
                or f"{one.length:,} of {one.limit:,}" + (f", cut from {one.full_length:,}" if one.lost else ""),
                one.subject,
                _verbatim(one.body),
                _verbatim(one.lost, "line-through") if one.lost else "",
            )
            for one in made
        )
        return format_html("<p>Filled with {}.</p>{}", source, format_html_join("", _PREVIEW, parts))

    @display("answers of readers")
    def show_statistics(self, template: Template) -> SafeString:
        """This version and the active ones that it is compared with."""
        rows = selectors.template_statistics(name=template.name, channel=template.channel, locale=template.locale)
        shown = (
            (
                f"v{one.version}" + (" (active)" if one.active else ""),
                one.variant or "–",
                one.weight,
                one.delivered,
                one.failed,
                one.useful,
                one.not_useful,
                "–" if one.useful_rate is None else f"{one.useful_rate:.1%}",
            )
            for one in rows
        )
        head = ("version", "variant", "weight", "delivered", "failed", "useful", "not useful", "useful of delivered")
        return table_html(head, shown)

    @display("history")
    def show_history(self, template: Template) -> SafeString:
        """Every version of these words."""
        same = Template.objects.filter(name=template.name, channel=template.channel, locale=template.locale)
        rows = (
            (
                format_html(
                    '<a class="text-link" href="{}">v{}</a>',
                    reverse("admin:notifications_template_change", args=[one.pk]),
                    one.version,
                ),
                one.variant or "–",
                "active" if one.active else "",
                f"{one.created_at:%Y-%m-%d %H:%M}",
                one.created_by or "–",
            )
            for one in same.select_related("created_by")[:50]
        )
        return table_html(("version", "variant", "", "at", "by"), rows)

    @display("new version")
    def show_copy(self, template: Template) -> SafeString:
        """A link to a form that starts with these words."""
        url = reverse("admin:notifications_template_add")
        return format_html(
            '<a class="text-link" href="{}?copy={}">Write a new version from these words</a>', url, template.pk
        )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """A form of its own for adding."""
        return super().get_form(request, obj, change, **({"form": TemplateAddForm} if obj is None else {}) | kwargs)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """The words to add some; of existing ones everything, whether they are in use and for how many."""
        return COPIED if obj is None else ("active", "weight", *self.read)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """All of an existing version but its use."""
        return () if obj is None else self.read

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The words of the version that is copied."""
        copied = request.GET.get("copy", "")
        if not copied.isdecimal():
            return {}
        return Template.objects.filter(pk=int(copied[:18])).values(*COPIED).first() or {}

    def save_model(self, request: HttpRequest, obj: Template, form: Any, change: bool) -> None:
        """By the services, which number, check and audit."""
        actor_id = request.user.pk
        if not change:
            made = services.template_create(**form.draft(), actor_id=actor_id)
            obj.pk, obj.version = made.pk, made.version
            return
        if "weight" in form.changed_data:
            services.template_weigh(template_id=obj.pk, weight=obj.weight, actor_id=actor_id)
        if "active" in form.changed_data:
            use = services.template_activate if obj.active else services.template_deactivate
            use(template_id=obj.pk, actor_id=actor_id)

    @admin.action(description="Use this version (roll back or forward)", permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[Template]) -> None:
        """The selected versions take the place of those in use."""
        used = 0
        for template in queryset:
            try:
                services.template_activate(template_id=template.pk, actor_id=request.user.pk)
            except ArbEdgeError as error:
                self.message_user(request, f"{template}: {error.message}", level=messages.WARNING)
            else:
                used += 1
        text = ngettext("%d version is in use.", "%d versions are in use.", used) % used
        self.message_user(request, text, level=messages.SUCCESS)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Take it out of use instead."""
        return False


_PREVIEW = '<h4 class="font-semibold mt-4">{}: {}</h4><p class="font-semibold">{}</p>{}{}'


def _verbatim(text: str, css: str = "") -> SafeString:
    """Text with its own lines; long ones are broken, or they would widen the page."""
    return format_html('<pre style="white-space: pre-wrap; overflow-wrap: anywhere" class="{}">{}</pre>', css, text)


@admin.register(MessageFeedback)
class MessageFeedbackAdmin(ReadOnlyAdmin):
    """What readers said of messages."""

    list_display = ("given_at", "answer", "template", "show_delivery")
    list_filter = ("answer", "template__name")
    search_fields = ("delivery__id",)
    date_hierarchy = "given_at"
    list_select_related = ("template",)
    # Naming the delivery's endpoint would show more of the reader than an opinion needs.
    fields = ("given_at", "answer", "template", "show_delivery")
    readonly_fields = fields

    @display("delivery")
    def show_delivery(self, feedback: MessageFeedback) -> SafeString:
        """A link to the row."""
        url = reverse("admin:notifications_delivery_change", args=[feedback.delivery_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, feedback.delivery_id)
