"""Many rows by one statement: what is given is stored, what is not gets its default, conflicts end as asked."""

import uuid
from typing import Any

import pytest
from django.db import DataError, IntegrityError, connection, transaction

from apps.core import clock
from apps.core.models import ConfigValue
from apps.core.rows import rows_insert, rows_update

pytestmark = pytest.mark.django_db
NAMES = ("key", "value", "updated_at")


def rows(*values: Any) -> list[tuple[Any, ...]]:
    now = clock.now()
    return [(f"key{number}", value, now) for number, value in enumerate(values)]


def stored() -> dict[str, Any]:
    return dict(ConfigValue.objects.values_list("key", "value"))


def test_values_come_back_as_they_went_in() -> None:
    shared = {"id": str(uuid.uuid4()), "text": "ä\N{SNOWMAN}'%s"}
    rows_insert(ConfigValue, NAMES, rows(shared, shared, None, [1, 2.5], "x"))
    assert list(stored().values()) == [shared, shared, None, [1, 2.5], "x"]
    assert set(ConfigValue.objects.values_list("updated_by", flat=True)) == {""}


def test_no_rows_are_no_statement(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        rows_insert(ConfigValue, NAMES, [])


def test_a_conflict_raises_is_ignored_or_replaces() -> None:
    rows_insert(ConfigValue, NAMES, rows(1, 2))
    with pytest.raises(IntegrityError), transaction.atomic():
        rows_insert(ConfigValue, NAMES, rows(3))
    assert rows_insert(ConfigValue, NAMES, rows(3, 3, 3), ignore_conflicts=True) == 1
    assert stored() == {"key0": 1, "key1": 2, "key2": 3}
    assert rows_insert(ConfigValue, NAMES, rows(4), unique=("key",), update=("value",)) == 1
    assert stored() == {"key0": 4, "key1": 2, "key2": 3}


def test_rows_get_other_values_and_their_neighbours_keep_theirs() -> None:
    rows_insert(ConfigValue, NAMES, rows(1, 2, 3))
    rows_update(
        ConfigValue, ("value", "updated_by"), [([1.5], "me", "key0"), ({"x": None}, "me", "key2"), (0, "me", "gone")]
    )
    assert stored() == {"key0": [1.5], "key1": 2, "key2": {"x": None}}
    assert set(ConfigValue.objects.filter(updated_by="me").values_list("key", flat=True)) == {"key0", "key2"}


def test_no_changes_are_no_statement(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        rows_update(ConfigValue, ("value",), [])


def test_what_is_too_long_is_refused_and_not_cut() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has no lengths")
    now = clock.now()
    with pytest.raises(DataError), transaction.atomic():
        rows_insert(ConfigValue, NAMES, [("k" * 1_000, 1, now)])
