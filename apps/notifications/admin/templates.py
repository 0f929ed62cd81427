"""The words of messages. A version is never edited: new words are a new version, so old messages can be explained."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextareaWidget

from apps.core.admin.base import AuditedAdmin, display
from apps.notifications import rendering
from apps.notifications.exceptions import TemplateError
from apps.notifications.models import Notification, Template
from apps.notifications.services import template_create
from apps.notifications.services.templates import templates_forget

COPIED = ("name", "channel", "locale", "subject", "body")


class TemplateAddForm(forms.ModelForm):
    """New words; what could never be rendered is told at its field."""

    class Meta:
        model = Template
        fields = COPIED
        widgets = {  # noqa: RUF012  (Django's own shape)
            "subject": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
            "body": UnfoldAdminTextareaWidget(attrs={"rows": 14, "class": "font-mono"}),
        }

    def clean_subject(self) -> str:
        """Syntax and allowed constructs."""
        return _checked(self.cleaned_data["subject"])

    def clean_body(self) -> str:
        """Syntax and allowed constructs."""
        return _checked(self.cleaned_data["body"])


@admin.register(Template)
class TemplateAdmin(AuditedAdmin):
    """Versions of words, with a preview made from the newest message that used them."""

    list_display = ("name", "show_channel", "locale", "version", "active", "created_at")
    list_filter = ("name", "channel", "locale", "active")
    search_fields = ("name", "subject", "body")
    date_hierarchy = "created_at"
    read = (
        "name",
        "show_channel",
        "locale",
        "version",
        "created_at",
        "subject",
        "show_body",
        "show_preview",
        "show_copy",
    )

    @display("channel", ordering="channel")
    def show_channel(self, template: Template) -> str:
        """The channel, or all of them."""
        return template.channel or "any"

    @display("body")
    def show_body(self, template: Template) -> SafeString:
        """As written."""
        return format_html('<pre class="whitespace-pre-wrap">{}</pre>', template.body)

    @display("preview")
    def show_preview(self, template: Template) -> SafeString | str:
        """With the facts of the newest message of this name, as text: markup is shown and not obeyed."""
        newest = Notification.objects.filter(template=template.name).order_by("-created_at").first()
        if newest is None:
            return "No message of this name exists yet."
        context = {**newest.context, "origin": newest.origin, "elapsed_s": 0}
        try:
            subject = rendering.render(template.subject, context, html=False)
            body = rendering.render(template.body, context, html=False)
        except TemplateError as error:
            return error.message
        return format_html('<p class="font-semibold">{}</p><pre class="whitespace-pre-wrap">{}</pre>', subject, body)

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
        """The words to add some; of existing ones everything, and whether they are in use."""
        return COPIED if obj is None else ("active", *self.read)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """All of an existing version but whether it is in use."""
        return () if obj is None else self.read

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The words of the version that is copied."""
        copied = request.GET.get("copy", "")
        if not copied.isdecimal():
            return {}
        return Template.objects.filter(pk=int(copied)).values(*COPIED).first() or {}

    def save_model(self, request: HttpRequest, obj: Template, form: Any, change: bool) -> None:
        """New words by the service, which numbers them; of existing ones only whether they are in use."""
        if change:
            obj.save(update_fields=["active"])
            templates_forget()
            return
        made = template_create(**{name: form.cleaned_data[name] for name in COPIED})
        obj.pk, obj.version = made.pk, made.version

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Take it out of use instead."""
        return False


def _checked(source: str) -> str:
    try:
        rendering.check(source)
    except TemplateError as error:
        raise forms.ValidationError(error.message) from error
    return source
