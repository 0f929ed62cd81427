"""What production tells browsers, and that Django's own deployment check finds nothing."""

import json
import os
import subprocess
import sys
from http.cookies import SimpleCookie

import pytest

_ASK = """
import django, json
django.setup()
from django.test import Client
answer = Client().get("/admin/login/", secure=True, headers={"host": "arbedge.test"})
plain = Client().get("/admin/login/", headers={"host": "arbedge.test"})
print(json.dumps([dict(answer.items()), answer.cookies.output(header=""), plain.status_code, plain["Location"]]))
"""


def production(*command: str) -> "subprocess.CompletedProcess[str]":
    """The command in an environment with nothing but what production has to set."""
    environ = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "VIRTUAL_ENV", "LANG")}
    environ |= {
        "DJANGO_SETTINGS_MODULE": "arbedge.settings",
        "SECRET_KEY": "A-key_of:sixty.different*characters+that#nobody=else~knows!0123",
        "VAULT_KEYS": os.environ["VAULT_KEYS"],
        "ALLOWED_HOSTS": "arbedge.test",
    }
    return subprocess.run(
        (sys.executable, *command), env=environ, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_deployment_check_finds_nothing() -> None:
    found = production("manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert found.returncode == 0, found.stderr
    assert "no issues (0 silenced)" in found.stdout


def test_headers_and_cookies_of_production() -> None:
    asked = production("-c", _ASK)
    assert asked.returncode == 0, asked.stderr
    headers, cookies, status, moved = json.loads(asked.stdout)
    assert (status, moved) == (301, "https://arbedge.test/admin/login/")
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    jar = SimpleCookie(cookies)
    assert set(jar) == {"__Host-csrf"}
    cookie = jar["__Host-csrf"]
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Lax")
    # What the name promises: browsers refuse it otherwise.
    assert (cookie["path"], cookie["domain"]) == ("/", "")


@pytest.mark.parametrize("name", ["SESSION_COOKIE", "CSRF_COOKIE"])
def test_both_cookies_are_this_hosts_alone(name: str) -> None:
    words = ("NAME", "SECURE", "HTTPONLY", "SAMESITE", "DOMAIN", "PATH")
    ask = "import json\nfrom django.conf import settings\n" + f"print(json.dumps([getattr(settings, '{name}_' + word) "
    asked = production("-c", f"{ask}for word in {words}]))")
    prefix, *rest = json.loads(asked.stdout)
    assert prefix.startswith("__Host-")
    assert rest == [True, True, "Lax", None, "/"]
