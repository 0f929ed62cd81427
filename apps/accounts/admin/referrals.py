"""Referrals, bonuses and affiliates in the admin."""

from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from apps.accounts.enums import AffiliateState, BonusKind
from apps.accounts.models import Affiliate, BonusEntry, Referral, ReferralCode
from apps.accounts.services import affiliate_decide, bonus_add
from apps.core import clock
from apps.core.admin.base import AuditedAdmin, ReadOnlyAdmin, display


@admin.register(ReferralCode)
class ReferralCodeAdmin(ReadOnlyAdmin):
    """Whose code is which; former ones stay."""

    list_display = ("code", "user", "active", "created_at")
    list_filter = ("active",)
    search_fields = ("code", "user__email")
    list_select_related = ("user",)


@admin.register(Referral)
class ReferralAdmin(ReadOnlyAdmin):
    """Who brought whom."""

    list_display = ("referred", "referrer", "code", "created_at", "paid_at")
    list_filter = (("paid_at", admin.EmptyFieldListFilter),)
    search_fields = ("referred__email", "referrer__email", "code__code")
    date_hierarchy = "created_at"
    list_select_related = ("referred", "referrer", "code")


@admin.register(BonusEntry)
class BonusEntryAdmin(ReadOnlyAdmin):
    """The ledger: lines are added, never changed; what was paid out or was wrong is a line of its own."""

    list_display = ("user", "amount", "unit", "kind", "note", "created_at")
    list_filter = ("kind", "unit")
    search_fields = ("user__email", "cause", "note")
    date_hierarchy = "created_at"
    list_select_related = ("user",)
    autocomplete_fields = ("user",)

    def get_fields(self, request: HttpRequest, obj: BonusEntry | None = None) -> tuple[str, ...]:
        """The cause of an operator's line is made."""
        asked = ("user", "amount", "unit", "note")
        return asked if obj is None else (*asked, "kind", "referral", "cause", "created_at")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """An operator's line, with what it is for."""
        return bool(AuditedAdmin.has_add_permission(self, request))

    def save_model(self, request: HttpRequest, obj: BonusEntry, form: forms.ModelForm, change: bool) -> None:
        """Written by the service."""
        given: dict[str, Any] = form.cleaned_data
        row = bonus_add(
            user_id=given["user"].pk,
            kind=BonusKind.ADJUSTED,
            amount=given["amount"],
            unit=given["unit"],
            note=given["note"],
            cause=f"operator:{request.user.pk}:{uuid4()}",
            now=clock.wall_now(),
        )
        obj.pk = row.pk


@admin.register(Affiliate)
class AffiliateAdmin(AuditedAdmin):
    """Who brings people for a share, verified by an operator; what they brought is counted from referrals."""

    list_display = ("user", "show_state", "share", "website", "applied_at", "decided_at")
    list_filter = ("state",)
    search_fields = ("user__email", "website")
    date_hierarchy = "applied_at"
    list_select_related = ("user",)
    fields = ("user", "state", "share", "website", "words", "show_brought", "applied_at", "decided_at", "decided_by")
    readonly_fields = (
        "user", "state", "website", "words", "show_brought", "applied_at", "decided_at", "decided_by",
    )  # fmt: skip
    actions = ("verify", "refuse", "end")

    @display("state", ordering="state", labels={"verified": "success", "applied": "warning", "refused": "danger"})
    def show_state(self, row: Affiliate) -> tuple[str, str]:
        """The state as a coloured label."""
        return row.state, row.get_state_display()

    @display("brought (paying)")
    def show_brought(self, row: Affiliate) -> str:
        """How many people came by their codes."""
        brought = Referral.objects.filter(referrer_id=row.pk)
        return f"{brought.count()} ({brought.exclude(paid_at=None).count()})"

    def has_add_permission(self, request: HttpRequest, obj: Affiliate | None = None) -> bool:
        """People apply by themselves."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Affiliate | None = None) -> bool:
        """End it instead: what was earned stays explained."""
        return False

    @admin.action(description="Verify", permissions=["change"])
    def verify(self, request: HttpRequest, queryset: QuerySet[Affiliate]) -> None:
        """They get their share from now on."""
        self._decide(request, queryset, AffiliateState.VERIFIED)

    @admin.action(description="Refuse", permissions=["change"])
    def refuse(self, request: HttpRequest, queryset: QuerySet[Affiliate]) -> None:
        """They get none."""
        self._decide(request, queryset, AffiliateState.REFUSED)

    @admin.action(description="End", permissions=["change"])
    def end(self, request: HttpRequest, queryset: QuerySet[Affiliate]) -> None:
        """They get none any more."""
        self._decide(request, queryset, AffiliateState.ENDED)

    def _decide(self, request: HttpRequest, queryset: QuerySet[Affiliate], state: AffiliateState) -> None:
        for row in queryset:
            affiliate_decide(user_id=row.pk, state=state, actor_id=request.user.pk, now=clock.wall_now())
        self.message_user(request, f"{len(queryset)}: {state.label.lower()}.")

    def save_model(self, request: HttpRequest, obj: Affiliate, form: forms.ModelForm, change: bool) -> None:
        """Only the share can be typed."""
        affiliate_decide(
            user_id=obj.pk,
            state=AffiliateState(obj.state),
            share=form.cleaned_data["share"],
            actor_id=request.user.pk,
            now=clock.wall_now(),
        )
