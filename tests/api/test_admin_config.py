"""The system's configuration through the API: typed, bounded, audited, nobody's change lost, everywhere at once."""

import subprocess
import sys
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.enums import Role
from apps.accounts.models import User
from apps.core import config
from apps.core.models import AuditRecord, ConfigValue
from tests.api.conftest import MakeUser, client_of
from tests.other_processes import environment

URL = "/api/v1/admin/config/system"
KEY = "tier.free.delay_s"


@pytest.fixture
def chief(make_user: MakeUser) -> User:
    return make_user("chief", role=Role.SUPER_ADMIN)


def patch(client: APIClient, body: dict[str, Any], match: str = "*") -> Any:
    return client.patch(URL, body, format="json", headers={"if-match": match} if match else {})


def shown(client: APIClient, key: str = KEY) -> dict[str, Any]:
    [row] = [one for one in client.get(URL, {"prefix": key}).json()["settings"] if one["key"] == key]
    return dict(row)


def test_every_key_is_told_with_what_it_may_hold(make_user: MakeUser) -> None:
    client = client_of(make_user("op", role=Role.ADMIN))
    rows = client.get(URL).json()["settings"]
    assert [row["key"] for row in rows] == [one.key for one in config.declarations()]
    assert shown(client) == {
        "key": KEY, "type": "int", "value": 300, "default": 300, "min": 0, "max": None, "choices": [],
        "nullable": False, "help": "Seconds an opportunity is held back from this tier.", "is_set": False,
        "updated_at": None, "updated_by": "",
    }  # fmt: skip
    only = client.get(URL, {"prefix": "tier.free."}).json()["settings"]
    assert only and all(row["key"].startswith("tier.free.") for row in only)


def test_a_change_is_stored_audited_and_told(chief: User) -> None:
    client = client_of(chief)
    assert patch(client, {"values": {KEY: 60, "tier.free.daily_technical": None}}).status_code == 200
    assert (config.get(KEY), config.get("tier.free.daily_technical")) == (60, None)
    row = shown(client)
    assert (row["value"], row["is_set"], row["updated_by"]) == (60, True, str(chief.pk))
    record = AuditRecord.objects.get(target=f"core.ConfigValue:{KEY}")
    assert (record.actor_id, record.changes) == (str(chief.pk), {"before": 300, "after": 60})
    assert patch(client, {"reset": [KEY]}).status_code == 200
    assert (config.get(KEY), shown(client)["is_set"]) == (300, False)
    assert AuditRecord.objects.filter(target=f"core.ConfigValue:{KEY}").count() == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"values": {"tier.basic.delay_s": 5, KEY: -1}}, KEY),
        ({"values": {"tier.basic.delay_s": 5, KEY: "soon"}}, KEY),
        ({"values": {"tier.basic.delay_s": 5, KEY: None}}, KEY),
        ({"values": {"tier.basic.delay_s": 5, "no.such": 1}}, "no.such"),
        ({"values": {"tier.basic.delay_s": 5}, "reset": ["no.such"]}, "no.such"),
        ({"values": {"tier.basic.delay_s": 5, KEY: 5}, "reset": [KEY]}, KEY),
        ({"values": {"tier.basic.delay_s": 5}, "dry": True}, "dry"),
        ({"values": {"grant.admin.users": "free"}}, "grant.admin.users"),
    ],
)
def test_one_bad_value_stores_nothing(chief: User, body: dict[str, Any], field: str) -> None:
    answer = patch(client_of(chief), body)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not ConfigValue.objects.exists()


def test_who_has_not_seen_the_last_change_overwrites_nothing(chief: User) -> None:
    client = client_of(chief)
    first = client.get(URL)["ETag"]
    changed = patch(client, {"values": {KEY: 60}}, match=first)
    assert changed.status_code == 200
    late = patch(client, {"values": {KEY: 900}}, match=first)
    assert (late.status_code, late.json()["code"], config.get(KEY)) == (412, "config_moved", 60)
    assert patch(client, {"values": {KEY: 900}}, match=changed["ETag"]).status_code == 200
    blind = patch(client, {"values": {KEY: 5}}, match="")
    assert (blind.status_code, blind.json()["code"], config.get(KEY)) == (428, "if_match_required", 900)


def test_only_super_administrators_change_anything(make_user: MakeUser) -> None:
    for name, role, reads in (("ada", Role.USER, 403), ("op", Role.ADMIN, 200)):
        client = client_of(make_user(name, role=role))
        assert client.get(URL).status_code == reads
        refused = patch(client, {"values": {KEY: 0}})
        assert (refused.status_code, refused.json()["required_role"]) == (403, "super_admin")
    assert client_of(None).get(URL).status_code == patch(client_of(None), {}).status_code == 401
    assert not ConfigValue.objects.exists()


# It remembers the old value, and two seconds later by its clock it must know the new one.
_FOLLOWER = f"""
import time, django
django.setup()
from apps.core import config
print(config.get("{KEY}"), flush=True)
input()
real = time.monotonic
time.monotonic = lambda: real() + 2
print(config.get("{KEY}"), flush=True)
"""


@pytest.mark.django_db(transaction=True)
def test_another_process_follows_within_two_seconds(chief: User) -> None:
    env = environment(DJANGO_SETTINGS_MODULE="arbedge.settings")
    with subprocess.Popen(
        (sys.executable, "-c", _FOLLOWER), env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin is not None and other.stdout is not None
        assert other.stdout.readline() == "300\n"
        assert patch(client_of(chief), {"values": {KEY: 60}}).status_code == 200
        other.stdin.write("\n")
        other.stdin.flush()
        assert other.stdout.readline() == "60\n"
