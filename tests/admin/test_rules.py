"""Rules of technical signals in the admin: made, changed, switched off, refused."""

import json
from typing import Any

from django.core.management import call_command
from django.test import Client

from apps.core.models import AuditRecord
from apps.opportunities.models import TechnicalRule
from apps.opportunities.technical.shipped import SHIPPED

URL = "/admin/opportunities/technicalrule/"
FALLS = {"all": [{"indicator": "rsi_14", "timeframe": "1h", "op": "<", "value": 30}]}


def form(**changes: Any) -> dict[str, Any]:
    fields = {"name": "falls", "side": "buy", "conditions": json.dumps(FALLS), "exchanges": "[]", "symbols": "[]"}
    return fields | {"is_enabled": "on"} | changes


def test_an_operator_makes_and_changes_a_rule_of_the_house(page: Client) -> None:
    assert page.post(f"{URL}add/", form()).status_code == 302
    rule = TechnicalRule.objects.get()
    assert (rule.owner, rule.conditions, rule.is_enabled) == (None, FALLS, True)
    changed = form(symbols='["BTC"]')
    del changed["is_enabled"]
    assert page.post(f"{URL}{rule.pk}/change/", changed).status_code == 302
    after = TechnicalRule.objects.get()
    assert (after.symbols, after.is_enabled, after.created_at) == (["BTC"], False, rule.created_at)
    assert after.updated_at > rule.updated_at
    assert set(AuditRecord.objects.values_list("action", flat=True)) >= {"admin.added", "admin.changed"}


def test_what_can_not_be_judged_is_refused_where_it_is(page: Client) -> None:
    wrong = json.dumps({"all": [{**FALLS["all"][0], "value": 300}]})
    answer = page.post(f"{URL}add/", form(conditions=wrong))
    assert answer.status_code == 200
    assert b"conditions.all[0].value" in answer.content
    for changes in ({"exchanges": '["atlantis"]'}, {"symbols": '{"a": 1}'}, {"side": "hold"}):
        assert page.post(f"{URL}add/", form(**changes)).status_code == 200
    assert not TechnicalRule.objects.exists()


def test_shipped_rules_are_seeded_once_and_never_overwritten(page: Client) -> None:
    call_command("seed_rules")
    assert TechnicalRule.objects.count() == len(SHIPPED)
    rule = TechnicalRule.objects.get(shipped="rsi_oversold")
    assert page.post(f"{URL}{rule.pk}/change/", form(name="ours")).status_code == 302
    call_command("seed_rules")
    assert TechnicalRule.objects.count() == len(SHIPPED)
    assert TechnicalRule.objects.get(pk=rule.pk).name == "ours"
    assert page.get(URL).status_code == 200
