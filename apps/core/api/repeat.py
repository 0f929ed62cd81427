"""Answers that the front may give again for a moment, to everybody for whom they are just as right."""

from typing import Any

from rest_framework.request import Request

from apps.core.front.mark import mark_of


class RepeatableMixin:
    """Names the audience of each 200 to a GET (docs/decisions/019). Where there is no front it asks nothing."""

    def audience(self, request: Request) -> str:
        """The key of everybody who would be answered just this, made of all that the answer depends on besides the
        question and the rows that everybody sees; empty: nobody else."""
        raise NotImplementedError

    def counted_now(self) -> bool:
        """Whether giving this answer has changed something, so that giving it again would be another thing."""
        return False

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Tell the front."""
        response = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]
        mark = mark_of(request)
        if mark is not None and request.method == "GET" and response.status_code == 200:
            mark.audience, mark.only_now = self.audience(request), self.counted_now()
        return response
