"""Where people can be reached. Secrets go in and never come out: pages show their last four characters at most."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import ngettext
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldBooleanSwitchWidget

from apps.core import clock
from apps.core.admin.base import AuditedAdmin, display
from apps.core.exceptions import ArbEdgeError, OperatorError, PermanentError
from apps.core.later import later
from apps.core.vault import mask
from apps.notifications.addresses import address_shown
from apps.notifications.channels.registry import CHANNELS
from apps.notifications.models import Endpoint

if TYPE_CHECKING:
    from apps.notifications import services
    from apps.notifications.services import endpoints as endpoint_services
else:
    services = later("apps.notifications.services")
    endpoint_services = later("apps.notifications.services.endpoints")


class EndpointAddForm(forms.ModelForm):
    """A new endpoint; what the channel refuses is told on the form."""

    channel = forms.ChoiceField(widget=UnfoldAdminSelectWidget)
    secrets = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"}),
        help_text="One name=value a line, for example secret=whsec_… for a webhook. Encrypted; never shown again.",
    )
    verified = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Its owner has confirmed it. Nothing is sent there before.",
    )

    class Meta:
        model = Endpoint
        fields = ("user", "channel", "address", "label", "route", "position")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["channel"].choices = [(name, name) for name in CHANNELS.names()]  # type: ignore[attr-defined]

    def clean_secrets(self) -> dict[str, str]:
        """Names and values of the lines."""
        lines = [line.strip() for line in self.cleaned_data["secrets"].splitlines() if line.strip()]
        if any("=" not in line for line in lines):
            raise forms.ValidationError("Write one name=value a line.")
        return dict(line.split("=", 1) for line in lines)

    def clean(self) -> dict[str, Any]:
        """Ask the channel whether address and credentials are of its kind."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if {"channel", "address", "secrets"} <= data.keys():
            kind = CHANNELS.get(data["channel"])
            field = "address"
            try:
                address, credentials = kind.parted(data["address"], data["secrets"])
                if kind.is_group(address):
                    raise PermanentError("A group gets alerts only once it is registered for them (distribution).")
                field = "secrets"
                kind.credentials_check(credentials)
            except ArbEdgeError as error:
                self.add_error(field, error.message)
        return data


@admin.register(Endpoint)
class EndpointAdmin(AuditedAdmin):
    """Operators add endpoints, confirm them for their owners, move them within routes, try them and switch them off."""

    list_display = ("user", "channel", "show_address", "label", "route", "position", "verified_at", "disabled_at")
    list_filter = (
        "channel",
        "group",
        ("verified_at", admin.EmptyFieldListFilter),
        ("disabled_at", admin.EmptyFieldListFilter),
        "user__tier",
    )
    search_fields = ("user__email", "label", "id")
    date_hierarchy = "created_at"
    list_select_related = ("user",)
    autocomplete_fields = ("user",)
    actions = ("verify", "send_test", "disable")
    shown = ("user", "channel", "show_address", "show_credentials", "group")
    editable = ("label", "route", "position")
    moments = ("created_at", "verified_at", "disabled_at", "disabled_reason")

    @display("address")
    def show_address(self, endpoint: Endpoint) -> str:
        """The address, masked where it may be a secret."""
        return address_shown(endpoint.address)

    @display("credentials")
    def show_credentials(self, endpoint: Endpoint) -> str:
        """Names and masked values."""
        try:
            credentials = endpoint_services.endpoint_credentials(endpoint)
        except OperatorError as error:
            return error.message
        return ", ".join(f"{name} {mask(value)}" for name, value in credentials.items()) or "none"

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """A form of its own for adding."""
        return super().get_form(request, obj, change, **({"form": EndpointAddForm} if obj is None else {}) | kwargs)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Everything to add one; of an existing one all but its secrets."""
        if obj is None:
            return (*EndpointAddForm.Meta.fields, "secrets", "verified")
        return (*self.shown, *self.editable, *self.moments)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """What can't be edited: another address is another endpoint."""
        return () if obj is None else (*self.shown, *self.moments)

    def save_model(self, request: HttpRequest, obj: Endpoint, form: Any, change: bool) -> None:
        """A new one by the service, which encrypts; of an existing one only the edited fields."""
        if change:
            obj.save(update_fields=self.editable)
            return
        data = form.cleaned_data
        made = services.endpoint_create(
            user_id=data["user"].pk,
            channel=data["channel"],
            address=data["address"],
            credentials=data["secrets"],
            label=data["label"],
            route=data["route"],
            position=data["position"],
            verified=data["verified"],
        )
        obj.pk = made.pk

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Deliveries refer to it: switch it off instead."""
        return False

    @admin.action(description="Confirm for their owners", permissions=["change"])
    def verify(self, request: HttpRequest, queryset: QuerySet[Endpoint]) -> None:
        """The operator knows that the selected addresses are their owners': messages may go there. What is switched off
        stays so."""
        changed = 0
        for endpoint in queryset.filter(disabled_at__isnull=True):
            if services.endpoint_verify(endpoint_id=endpoint.pk):
                changed += 1
                self.audit(request, "endpoint_verified", endpoint, {})
        text = ngettext("%d endpoint confirmed.", "%d endpoints confirmed.", changed) % changed
        self.message_user(request, text, level=messages.SUCCESS)

    @admin.action(description="Send a test message", permissions=["change"])
    def send_test(self, request: HttpRequest, queryset: QuerySet[Endpoint]) -> None:
        """To each of the selected endpoints alone; how it went stands under Deliveries."""
        sent = 0
        for endpoint in queryset:
            try:
                services.endpoint_try(endpoint_id=endpoint.pk, now=clock.now())
            except ArbEdgeError as error:
                self.message_user(request, f"{endpoint}: {error.message}", level=messages.WARNING)
            else:
                sent += 1
                self.audit(request, "endpoint_tried", endpoint, {})
        text = ngettext("%d test message is on its way.", "%d test messages are on their way.", sent) % sent
        self.message_user(request, text)

    @admin.action(description="Switch off", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Endpoint]) -> None:
        """Nothing is sent to the selected endpoints any more."""
        changed = 0
        for endpoint in queryset:
            if services.endpoint_disable(endpoint_id=endpoint.pk, reason="Switched off by an operator."):
                changed += 1
                self.audit(request, "endpoint_disabled", endpoint, {})
        text = ngettext("%d endpoint switched off.", "%d endpoints switched off.", changed) % changed
        self.message_user(request, text, level=messages.SUCCESS)
