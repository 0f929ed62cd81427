"""The table of sign-in kinds; `auth=NAME` of an endpoint's credentials picks one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apps.core.registry import Registry

if TYPE_CHECKING:
    from apps.notifications.channels.auth.base import Auth

AUTHS: Registry[Auth] = Registry(
    "sign-in kind",
    "apps.notifications.channels.auth.base.Auth",
    {
        "none": "apps.notifications.channels.auth.headers.NoAuth",
        "api_key": "apps.notifications.channels.auth.headers.ApiKeyAuth",
        "bearer": "apps.notifications.channels.auth.headers.BearerAuth",
        "basic": "apps.notifications.channels.auth.headers.BasicAuth",
        "header": "apps.notifications.channels.auth.headers.HeaderAuth",
        "oauth2": "apps.notifications.channels.auth.oauth2.OAuth2Auth",
    },
)
