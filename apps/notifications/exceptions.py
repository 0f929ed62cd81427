"""Errors of the notifications room."""

from apps.core.exceptions import OperatorError, PermanentError


class EndpointGoneError(PermanentError):
    """Nothing will ever arrive at this address: disable the endpoint with the reason and use the next of its route."""

    code = "endpoint_gone"


class ChannelOffError(OperatorError):
    """The channel's credentials are not configured: use the next endpoint of the route at once."""

    code = "channel_off"


class TemplateError(PermanentError):
    """A message can't be made from its template: nothing is sent; the words say what is wrong."""

    code = "template"
