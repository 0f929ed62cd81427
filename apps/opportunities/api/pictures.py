"""An opportunity in pictures, as SVG."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.core.api.conditional import ConditionalMixin
from apps.core.api.origin import OriginHeaderMixin
from apps.core.later import later
from apps.opportunities.api import schema
from apps.opportunities.api.views import visible_or_404
from apps.opportunities.explain import history_picture, waterfall_picture
from apps.opportunities.models import Opportunity

if TYPE_CHECKING:
    from apps.opportunities import selectors
else:
    selectors = later("apps.opportunities.selectors")


class SvgRenderer(BaseRenderer):
    """Lets a caller ask for `image/svg+xml`; the picture itself is not rendered but answered as it is."""

    media_type = "image/svg+xml"
    format = "svg"

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        """Only errors come by here, as JSON, which their content type says."""
        rendered: bytes = JSONRenderer().render(data)
        return rendered


class _Picture(OriginHeaderMixin, ConditionalMixin, APIView):
    permission_classes = (IsAuthenticated,)
    renderer_classes = (SvgRenderer, JSONRenderer)
    nothing: ClassVar[str]

    def draw(self, opportunity: Opportunity) -> str | None:
        """The picture, None where there is nothing to draw."""
        raise NotImplementedError

    def get(self, request: Request, id: Any) -> HttpResponse:
        """The picture, or 404 with the reason."""
        picture = self.draw(visible_or_404(request, id))
        if picture is None:
            raise NotFound(self.nothing, code="no_picture")
        response = HttpResponse(picture, content_type="image/svg+xml; charset=utf-8")
        # Opened by itself it is a document: nothing in it may run or load anything.
        response["Content-Security-Policy"] = "default-src 'none'; sandbox"
        return response


@extend_schema_view(get=extend_schema(**schema.WATERFALL))
class WaterfallPicture(_Picture):
    """From the gross edge to what is left, cost by cost."""

    nothing = "It is not priced yet, or promises no edge."

    def draw(self, opportunity: Opportunity) -> str | None:
        """The waterfall."""
        return waterfall_picture(opportunity)


@extend_schema_view(get=extend_schema(**schema.HISTORY))
class HistoryPicture(_Picture):
    """How the net edge went."""

    nothing = "Nothing is noted of how its edge went, or not any more."

    def draw(self, opportunity: Opportunity) -> str | None:
        """The line."""
        return history_picture(opportunity, selectors.edge_points(opportunity))
