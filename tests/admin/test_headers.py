"""The content policy, and that no page has a script in itself which it would have to let run."""

from html.parser import HTMLParser

import pytest
from django.test import Client

from apps.accounts.models import User
from arbedge.headers import POLICIES, policy_of
from tests.admin.conftest import World


class Scripts(HTMLParser):
    """Collects what a page would run of itself: scripts without a file, handlers in attributes, addresses that are
    scripts, and what it loads from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.foreign: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script" and not given.get("src") and given.get("type") != "application/json":
            self.inline.append(tag)
        self.inline += [name for name in given if name.startswith("on")]
        self.inline += [value for value in given.values() if value and value.lstrip().startswith("javascript:")]
        if tag in ("script", "link", "img"):
            target = given.get("src") or given.get("href") or ""
            self.foreign += [target] if target.startswith(("http:", "https:", "//")) else []


def directive(policy: str, name: str) -> list[str]:
    found = [part.split() for part in policy.split(";")]
    return next((words[1:] for words in found if words[0] == name), [])


def scripts_of(page: str) -> Scripts:
    parser = Scripts()
    parser.feed(page)
    return parser


PAGES = (
    "/admin/",
    "/admin/two-factor/",
    "/admin/accounts/user/",
    "/admin/core/configvalue/add/",
    "/admin/django_celery_beat/periodictask/add/",
    "/admin/notifications/deliverystatistic/charts/",
    "/api/docs/",
    "/api/redoc/",
)


@pytest.mark.parametrize("url", PAGES)
def test_no_page_has_a_script_in_itself(page: Client, world: World, url: str) -> None:
    answer = page.get(url, headers={"accept": "text/html"})
    assert answer.status_code == 200
    found = scripts_of(answer.content.decode())
    assert (found.inline, found.foreign) == ([], [])
    policy = answer["Content-Security-Policy"]
    assert "'unsafe-inline'" not in directive(policy, "script-src")
    assert ("'unsafe-eval'" in directive(policy, "script-src")) is url.startswith("/admin/")
    assert directive(policy, "frame-ancestors") == directive(policy, "base-uri") == ["'none'"]


def test_changing_somebody_needs_no_script_in_the_page(page: Client, world: World, trader: User) -> None:
    answer = page.get(f"/admin/accounts/user/{trader.pk}/change/")
    assert answer.status_code == 200
    assert scripts_of(answer.content.decode()).inline == []


def test_the_parser_sees_what_it_should() -> None:
    found = scripts_of('<script>x</script><p onclick="x"></p><a href=" javascript:x">a</a><img src="//b/c">')
    assert (found.inline, found.foreign) == (["script", "onclick", " javascript:x"], ["//b/c"])


def test_swaggers_script_is_a_file(page: Client) -> None:
    answer = page.get("/api/docs/?script=")
    assert answer["Content-Type"].startswith("application/javascript")
    assert b"SwaggerUIBundle" in answer.content


@pytest.mark.parametrize("url", ["/api/v1/health", "/api/v1/nowhere", "/nowhere", "/account/recovery/nothing"])
def test_everything_else_runs_no_script_at_all(db: None, url: str) -> None:
    answer = Client().get(url)
    policy = answer["Content-Security-Policy"]
    assert directive(policy, "default-src") == ["'none'"]
    assert directive(policy, "script-src") == []
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"


def test_a_path_gets_the_policy_of_its_place() -> None:
    assert policy_of("/admin/x") == POLICIES["/admin/"]
    assert policy_of("/administrator") == POLICIES[""]
