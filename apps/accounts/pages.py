"""Pages besides the admin's own: the second factor's enrolment, and a new password by the mailed link."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString, mark_safe
from django.views import View
from django.views.decorators.cache import never_cache

from apps.accounts.exceptions import RecoveryRefused, SignInRefused
from apps.accounts.forms import CodeForm, NewPasswordForm
from apps.accounts.middleware import SECOND_FACTOR
from apps.accounts.models import User
from apps.accounts.selectors.sessions import has_second_factor, recovery_codes_left
from apps.accounts.services.passwords import recovery_finish, recovery_user
from apps.accounts.services.sessions import session_stands, sessions_end
from apps.accounts.services.two_factor import two_factor_confirm, two_factor_pending, two_factor_start
from apps.core.clock import wall_now
from apps.core.exceptions import ThrottledError


@method_decorator(never_cache, name="dispatch")
class TwoFactorPage(View):
    """An operator's authenticator app is set up here; nobody else's."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """For who may use the admin; others sign in first."""
        if not admin.site.has_permission(request):
            return admin.site.login(request)
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        """The QR code of a new secret, or how it stands."""
        return self._page(request, CodeForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        """The app's first code; the answer shows the codes for paper, once."""
        assert isinstance(request.user, User)
        user, now, form = request.user, wall_now(), CodeForm(request.POST)
        if not form.is_valid() or has_second_factor(user.pk):
            return self._page(request, form)
        try:
            codes = two_factor_confirm(user=user, code=form.cleaned_data["code"].strip(), now=now)
        except (SignInRefused, ThrottledError) as error:
            form.add_error("code", error.message)
            return self._page(request, form)
        session = request.account_session  # type: ignore[attr-defined]
        sessions_end(user_id=user.pk, now=now, because="two_factor_on", actor_id=user.pk, keep=session.pk)
        session_stands(session_id=session.pk, user=user, second_factor=True)
        request.session[SECOND_FACTOR] = True
        return self._page(request, form, codes=codes)

    def _page(self, request: HttpRequest, form: CodeForm, *, codes: list[str] | None = None) -> HttpResponse:
        assert isinstance(request.user, User)
        context: dict[str, Any] = {**admin.site.each_context(request), "title": "Second factor", "form": form}
        if codes is not None:
            context["codes"] = codes
        elif has_second_factor(request.user.pk):
            context["left"] = recovery_codes_left(request.user.pk)
        else:
            begun = two_factor_pending(user=request.user) or two_factor_start(user=request.user, now=wall_now())
            context |= {"enrolment": begun, "picture": _picture(begun.uri)}
        return render(request, "admin/accounts/two_factor.html", context)


@method_decorator(never_cache, name="dispatch")
class RecoveryPage(View):
    """Where the link in the letter leads."""

    def get(self, request: HttpRequest, text: str) -> HttpResponse:
        """The form; following the link alone uses nothing up, because mail scanners follow every link."""
        try:
            recovery_user(text, now=wall_now())
        except RecoveryRefused as error:
            return _recovery_page(request, words=error.message, status=404)
        return _recovery_page(request, form=NewPasswordForm())

    def post(self, request: HttpRequest, text: str) -> HttpResponse:
        """Set it."""
        form = NewPasswordForm(request.POST)
        if form.is_valid():
            try:
                recovery_finish(text=text, new=form.cleaned_data["password"], now=wall_now())
            except RecoveryRefused as error:
                return _recovery_page(request, words=error.message, status=404)
            except ValidationError as error:
                form.add_error("password", error.messages)
            else:
                return _recovery_page(request, words="The new password is set. You are signed out everywhere.")
        return _recovery_page(request, form=form, status=400)


def _recovery_page(
    request: HttpRequest, *, words: str = "", form: NewPasswordForm | None = None, status: int = 200
) -> HttpResponse:
    answer = render(request, "accounts/recovery.html", {"words": words, "form": form}, status=status)
    # The link is a right of its reader's; no page it leads to has to know it.
    answer["Referrer-Policy"] = "no-referrer"
    return answer


def _picture(text: str) -> SafeString:
    # Imported here: only this page draws.
    import segno

    # The library makes nothing but paths of it.
    return mark_safe(segno.make(text, error="m").svg_inline(scale=5, light="white"))  # noqa: S308
