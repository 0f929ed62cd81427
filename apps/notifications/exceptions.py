"""Errors of the notifications room."""

from apps.core.exceptions import OperatorError, PermanentError, ThrottledError


class EndpointGoneError(PermanentError):
    """Nothing will ever arrive at this address: disable the endpoint with the reason and use the next of its route."""

    code = "endpoint_gone"


class ChannelOffError(OperatorError):
    """The channel's credentials are not configured: use the next endpoint of the route at once."""

    code = "channel_off"


class ProviderThrottledError(ThrottledError):
    """The pause is meant for everything we send to this provider, not for one of its addresses."""


class CodeRefused(PermanentError):
    """What was given back is not the code, or the code counts no longer; the words say what to do."""

    code = "code_wrong"


class TemplateError(PermanentError):
    """A message can't be made from its template: nothing is sent; the words say what is wrong."""

    code = "template"
