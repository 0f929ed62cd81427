"""Forms of the pages that have to do with signing in."""

from typing import Any

from django import forms
from django.conf import settings
from unfold.forms import AuthenticationForm
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from apps.accounts.exceptions import SignInRefused
from apps.accounts.middleware import SECOND_FACTOR
from apps.accounts.selectors.sessions import has_second_factor
from apps.accounts.services.sign_in import sign_in
from apps.core.clock import wall_now
from apps.core.exceptions import ThrottledError


class SignInForm(AuthenticationForm):  # type: ignore[misc]
    """The admin's door: address, password and, where it is on, the second factor; counted like the API's."""

    code = forms.CharField(
        required=False,
        max_length=32,
        label="Code of your authenticator app, if you have one",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "one-time-code", "form": "login-form"}),
    )

    def clean(self) -> dict[str, Any]:
        """Prove who it is. One message for all that does not fit, as far as the caller may not learn more."""
        data: dict[str, Any] = self.cleaned_data
        email, password = data.get("username"), data.get("password")
        if email and password:
            try:
                user = sign_in(email=email, password=password, code=data.get("code", ""), now=wall_now())
            except (SignInRefused, ThrottledError) as error:
                raise forms.ValidationError(error.message, code=error.code) from error
            self.confirm_login_allowed(user)
            # What Django's `authenticate` would have noted.
            user.backend = settings.AUTHENTICATION_BACKENDS[0]
            self.user_cache = user
            # Nothing of whoever signed in here before.
            self.request.session.flush()
            self.request.session[SECOND_FACTOR] = has_second_factor(user.pk)
        return data


class CodeForm(forms.Form):
    """One code of the app."""

    code = forms.CharField(
        max_length=32, widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "one-time-code", "autofocus": True})
    )


class NewPasswordForm(forms.Form):
    """A new password, typed twice."""

    password = forms.CharField(
        max_length=200, strip=False, widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
    )
    again = forms.CharField(
        max_length=200, strip=False, widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
    )

    def clean(self) -> dict[str, Any]:
        """Both the same."""
        data: dict[str, Any] = self.cleaned_data
        if data.get("password") != data.get("again"):
            raise forms.ValidationError("The two differ.")
        return data
