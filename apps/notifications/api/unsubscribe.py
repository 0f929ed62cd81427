"""The link in a message that switches its endpoint off (RFC 8058): for people a page with a button, for mail programs a
POST. Reading never does it, because mail scanners follow every link."""

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from apps.core.exceptions import PermanentError
from apps.core.later import later

if TYPE_CHECKING:
    from apps.notifications.services import unsubscribe as services
else:
    services = later("apps.notifications.services.unsubscribe")

_UNKNOWN = "This link is not one of ours, or what it was for is gone."


@method_decorator(never_cache, name="dispatch")
# The signed link is the right to do it; a mail program has no cookie and no form of ours.
@method_decorator(csrf_exempt, name="dispatch")
class UnsubscribeView(View):
    """No sign-in: whoever reads the message may stop it."""

    http_method_names = ("get", "head", "post", "options")

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        """The page that asks."""
        try:
            endpoint = services.unsubscribe_endpoint(token)
        except PermanentError:
            return _page(request, "Unknown link", _UNKNOWN, status=404)
        if endpoint.disabled_at is not None:
            return _page(request, "Nothing more is sent", "This address is switched off already.")
        return _page(request, "Stop these messages?", "ArbEdge will send nothing more to this address.", asks=True)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        """Done, also where it was done before; whatever the form holds."""
        try:
            services.unsubscribe(token)
        except PermanentError:
            return _page(request, "Unknown link", _UNKNOWN, status=404)
        return _page(
            request, "Nothing more is sent", "This address is switched off. It can be added again in your settings."
        )


def _page(request: HttpRequest, title: str, words: str, *, asks: bool = False, status: int = 200) -> HttpResponse:
    context: dict[str, Any] = {"title": title, "words": words, "asks": asks}
    answer = render(request, "notifications/unsubscribe.html", context, status=status)
    # The link is a right of its reader's; no page it leads to has to know it.
    answer["Referrer-Policy"] = "no-referrer"
    return answer
