"""The links in a message that say what its reader thinks of it: a page with a button, and the button's POST.

Reading counts nothing, because mail scanners and link previews follow every link."""

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from apps.core import clock
from apps.core.exceptions import PermanentError
from apps.core.later import later

if TYPE_CHECKING:
    from apps.notifications.services import feedback as services
else:
    services = later("apps.notifications.services.feedback")

_STATUS = {"feedback_expired": 410, "feedback_invalid": 404}


@method_decorator(never_cache, name="dispatch")
# The signed link is the right to answer; there is no session that a stranger's page could use.
@method_decorator(csrf_exempt, name="dispatch")
class FeedbackView(View):
    """No sign-in: whoever reads the message may say what it was worth."""

    http_method_names = ("get", "head", "post", "options")

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        """The page that asks."""
        try:
            _, answer = services.feedback_read(token=token)
        except PermanentError as error:
            return _page(request, "This link leads nowhere", error.message, status=_STATUS[error.code])
        return _page(request, f"Was this message {answer.label}?", "", asks=f"Yes, it was {answer.label}")

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        """Counted, once however often it is sent."""
        try:
            services.feedback_give(token=token, now=clock.now())
        except PermanentError as error:
            return _page(request, "This link leads nowhere", error.message, status=_STATUS[error.code])
        return _page(request, "Thank you", "Your answer is counted.")


def _page(request: HttpRequest, title: str, words: str, *, asks: str = "", status: int = 200) -> HttpResponse:
    context: dict[str, Any] = {"title": title, "words": words, "asks": asks}
    answer = render(request, "notifications/feedback.html", context, status=status)
    # The link is its reader's; no page it leads to and no index has to know it.
    answer["Referrer-Policy"] = "no-referrer"
    answer["X-Robots-Tag"] = "noindex, nofollow"
    answer["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"
    return answer
