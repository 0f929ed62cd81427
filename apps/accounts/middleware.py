"""Pages know where their reader signed in, so that it can be listed and ended; operators show a second factor."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from apps.accounts.exceptions import TokenRefusedError
from apps.accounts.models import AccountSession, SessionKind, User
from apps.accounts.services.sessions import session_open, session_verify
from apps.core.clock import wall_now

# In Django's own session: the secret of ours, and whether the second factor was shown.
SECRET = "account_session"  # noqa: S105  (a name)
SECOND_FACTOR = "second_factor"


class PageSessionMiddleware:
    """Ends the page where its session was ended elsewhere, and keeps staff without a second factor at its enrolment."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The page, or the way to prove oneself first."""
        # Who has no cookie has no session; asking for the user would look.
        if settings.SESSION_COOKIE_NAME in request.COOKIES and isinstance(request.user, User):
            session = page_session(request, request.user)
            if session is None:
                logout(request)
            else:
                request.account_session = session  # type: ignore[attr-defined]
                if settings.REQUIRE_2FA and not session.second_factor and _guarded(request, request.user):
                    return HttpResponseRedirect(reverse("two-factor"))
        return self.get_response(request)


def page_session(request: HttpRequest, user: User) -> AccountSession | None:
    """The page's session, opened with the first page after signing in; None where it is over."""
    now, text = wall_now(), request.session.get(SECRET)
    if text is None:
        shown = bool(request.session.get(SECOND_FACTOR))
        made, text = session_open(user=user, kind=SessionKind.PAGE, now=now, second_factor=shown)
        request.session[SECRET] = text
        return made
    try:
        found = session_verify(text, now=now)
    except TokenRefusedError:
        return None
    return found if found.user_id == user.pk else None


def _guarded(request: HttpRequest, user: User) -> bool:
    free = (reverse("two-factor"), reverse("admin:login"), reverse("admin:logout"), reverse("admin:jsi18n"))
    return user.is_staff and request.path.startswith(reverse("admin:index")) and request.path not in free
