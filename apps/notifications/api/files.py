"""The files of messages for whoever has their link: no sign-in, since the link came with the message."""

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import cache_control

from apps.core import clock
from apps.core.exceptions import PermanentError
from apps.core.later import later

if TYPE_CHECKING:
    from apps.notifications.services import files as services
else:
    services = later("apps.notifications.services.files")

_STATUS = {"file_expired": 410, "file_invalid": 404}


# What a shared cache kept would outlive the link.
@method_decorator(cache_control(private=True, max_age=300), name="dispatch")
class FileView(View):
    """A file as a download, never as a page of ours."""

    http_method_names = ("get", "head", "options")

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        """Its bytes; 404 for a link that is not ours, 410 after its time, 503 while the storage does not give it."""
        try:
            attachment = services.file_of(token=token, now=clock.now())
        except PermanentError as error:
            return _guarded(HttpResponse(error.message, content_type="text/plain", status=_STATUS[error.code]))
        content = services.content_of(attachment.file)
        if content is None:
            return _guarded(HttpResponse("This file can't be read just now.", content_type="text/plain", status=503))
        answer = HttpResponse(content, content_type=attachment.file.content_type)
        answer["Content-Disposition"] = f'attachment; filename="{attachment.filename}"'
        return _guarded(answer)


def _guarded(answer: HttpResponse) -> HttpResponse:
    # A report is HTML with values of others in it: whatever a browser makes of it, it has no rights here.
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cross-Origin-Resource-Policy"] = "same-site"
    answer["Referrer-Policy"] = "no-referrer"
    answer["X-Robots-Tag"] = "noindex, nofollow"
    return answer
