"""Runtime configuration: one row per key whose default an operator replaced."""

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from apps.core import config
from apps.core.admin.base import HouseAdmin, display
from apps.core.models import ConfigValue


class ConfigValueForm(forms.ModelForm):
    """A declared key and its value."""

    key = forms.ChoiceField(widget=UnfoldAdminSelectWidget)
    value = forms.CharField(
        widget=UnfoldAdminTextInputWidget, help_text="A number, true, false, text, or null for none."
    )

    class Meta:
        model = ConfigValue
        fields = ("key", "value")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields.pop("key", None)
            self.initial["value"] = json.dumps(self.instance.value)
        else:
            self.fields["key"].choices = [(row.key, _label(row)) for row in config.declarations()]  # type: ignore[attr-defined]

    def clean_value(self) -> Any:
        """The text as JSON; what is no JSON is plain text."""
        text = self.cleaned_data["value"].strip()
        try:
            return json.loads(text)
        except ValueError:
            return text


@admin.register(ConfigValue)
class ConfigValueAdmin(HouseAdmin):
    """Writes go through `core.config`, which checks and audits them; deleting a row brings the default back."""

    form = ConfigValueForm
    list_display = ("key", "show_value", "show_default", "show_help", "updated_at", "show_by")
    search_fields = ("key",)
    actions = ("reset_values",)

    @display("value")
    def show_value(self, row: ConfigValue) -> str:
        """The value as it would be typed."""
        return json.dumps(row.value)

    @display("default")
    def show_default(self, row: ConfigValue) -> str:
        """What holds without this row; a key that the code no longer knows has none."""
        declaration = _declarations().get(row.key)
        return json.dumps(declaration.default, default=str) if declaration else "no longer used"

    @display("what it is")
    def show_help(self, row: ConfigValue) -> str:
        """The declaration's help."""
        declaration = _declarations().get(row.key)
        return declaration.help if declaration else ""

    @display("by")
    def show_by(self, row: ConfigValue) -> str:
        """Id of the operator, or the system."""
        return row.updated_by or "system"

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Key and value; who set it and when is for looking at."""
        return (
            ("key", "value") if obj is None else ("key", "show_help", "show_default", "value", "updated_at", "show_by")
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """The key of a row stays."""
        return () if obj is None else ("key", "show_help", "show_default", "updated_at", "show_by")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Resetting is the audited way to delete."""
        return False

    def has_reset_permission(self, request: HttpRequest) -> bool:
        """Who may set may reset."""
        return bool(self.has_change_permission(request))

    @admin.action(description="Back to the default", permissions=["reset"])
    def reset_values(self, request: HttpRequest, queryset: QuerySet[ConfigValue]) -> None:
        """Remove the selected rows."""
        keys = [row.key for row in queryset if row.key in _declarations()]
        for key in keys:
            config.config_reset(key=key, actor_id=request.user.pk)
        self.message_user(request, f"{len(keys)} back to the default.")

    def save_model(self, request: HttpRequest, obj: ConfigValue, form: forms.ModelForm, change: bool) -> None:
        """Checked, stored and audited by the service."""
        config.config_set(key=obj.key, value=form.cleaned_data["value"], actor_id=request.user.pk)


def _declarations() -> dict[str, config.Declaration]:
    return {row.key: row for row in config.declarations()}


def _label(row: config.Declaration) -> str:
    return f"{row.key} (default {json.dumps(row.default, default=str)})"
