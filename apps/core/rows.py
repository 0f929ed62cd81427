"""Many rows at once, new or changed, for where thousands of them are waited for.

`bulk_create` spends most of its time on making objects and on turning each value of each row into SQL. Most values of
such rows are the same objects, which are made ready once here, and the statement is one."""

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any
from uuid import UUID

from django.db import connections, models, router
from django.db.models.constants import OnConflict

_LENGTH = re.compile(r"\(.*?\)")


def rows_insert(
    model: type[models.Model],
    names: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    ignore_conflicts: bool = False,
    update: Collection[str] = (),
    unique: Collection[str] = (),
) -> int:
    """Insert rows of `model`, each a value for every one of `names` (with `_id` for foreign keys); fields that are not
    named get their defaults, and a key that the database makes is not told.

    Rows that are there already raise IntegrityError, are left alone (`ignore_conflicts`), or have their fields `update`
    replaced where the fields `unique` are equal. No signals and no `pre_save`: what is given is what is stored.

    Answers how many rows were inserted or replaced."""
    if not rows:
        return 0
    meta = model._meta
    given = dict(zip(names, zip(*rows, strict=True), strict=True))
    made = [
        field for field in meta.concrete_fields if field.attname in given or not isinstance(field, models.AutoField)
    ]
    connection = connections[router.db_for_write(model)]
    columns = [_prepared(field, given.get(field.attname) or _defaults(field, len(rows)), connection) for field in made]
    quote = connection.ops.quote_name
    conflict = OnConflict.UPDATE if update else OnConflict.IGNORE if ignore_conflicts else None
    suffix = connection.ops.on_conflict_suffix_sql(made, conflict, _columns(model, update), _columns(model, unique))
    insert = connection.ops.insert_statement(on_conflict=conflict)
    into = ", ".join(quote(str(field.column)) for field in made)
    begin = f"{insert} {quote(meta.db_table)} ({into})"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            select, parameters = _selected(made, columns, connection)
            cursor.execute(f"{begin} {select} {suffix}", parameters)
        else:
            marks = ", ".join(["%s"] * len(made))
            cursor.executemany(f"{begin} VALUES ({marks}) {suffix}", list(zip(*columns, strict=True)))
        return int(cursor.rowcount)


def rows_update(model: type[models.Model], names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Give rows of `model` other values: each is a value for every one of `names` (with `_id` for foreign keys), and
    then its primary key. A row that is gone is passed over. No signals and no `pre_save`."""
    if not rows:
        return
    meta = model._meta
    by_name = {field.attname: field for field in meta.concrete_fields}
    fields = [*(by_name[name] for name in names), meta.pk]
    connection = connections[router.db_for_write(model)]
    columns = [
        _prepared(field, values, connection) for field, values in zip(fields, zip(*rows, strict=True), strict=True)
    ]
    quote = connection.ops.quote_name
    names_in_sql = [quote(str(field.column)) for field in fields]
    # Nothing but the model's own names is put into the statements.
    begin = f"UPDATE {quote(meta.db_table)}"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            *given, key = (f"{name} = given.{name}" for name in names_in_sql)
            select, parameters = _selected(fields, columns, connection)
            source = f"({select}) AS given({', '.join(names_in_sql)})"
            cursor.execute(
                f"{begin} SET {', '.join(given)} FROM {source} WHERE {quote(meta.db_table)}.{key}", parameters
            )
        else:
            *given, key = (f"{name} = %s" for name in names_in_sql)
            cursor.executemany(f"{begin} SET {', '.join(given)} WHERE {key}", list(zip(*columns, strict=True)))


def _selected(fields: Sequence[Any], columns: Sequence[Sequence[Any]], connection: Any) -> tuple[str, list[Any]]:
    """A SELECT of the rows and its parameters: an array for each column, and what is the same in all rows only once.

    PostgreSQL takes thousands of rows so as one statement; one by one, each costs as much as a statement does."""
    # Without their lengths: a cast to a length cuts what is too long, where the column itself refuses it.
    types = [_LENGTH.sub("", field.db_type(connection)) for field in fields]
    arrays = [n for n, column in enumerate(columns) if len(set(map(id, column))) > 1] or [0]
    wanted = ", ".join(f"given.c{n}" if n in arrays else f"%s::{name}" for n, name in enumerate(types))
    unnested = ", ".join(f"%s::{types[n]}[]" for n in arrays)
    parameters = [column[0] for n, column in enumerate(columns) if n not in arrays]
    # Nothing but the names of types is put into the statement.
    select = f"SELECT {wanted} FROM unnest({unnested}) AS given({', '.join(f'c{n}' for n in arrays)})"  # noqa: S608
    return select, [*parameters, *(columns[n] for n in arrays)]


def _columns(model: type[models.Model], names: Collection[str]) -> list[str]:
    return [str(model._meta.get_field(name).column) for name in names]  # type: ignore[union-attr]


def _defaults(field: Any, count: int) -> Sequence[Any]:
    """A callable default is asked once a row: keys are made by one."""
    if callable(field.default):
        return [field.get_default() for _ in range(count)]
    return [field.get_default()] * count


def _prepared(field: Any, values: Sequence[Any], connection: Any) -> list[Any]:
    """What the database is given. Values that are one object are made ready once; `values` keeps them all alive, so no
    two have the same id."""
    prepare: Callable[..., Any] = field.get_db_prep_save
    if len(set(map(id, values))) == 1:
        return [prepare(values[0], connection)] * len(values)
    stored_as, kinds = field.target_field if field.is_relation else field, set(map(type, values))
    # What the field would do to each of them, done without asking it for each of them.
    if kinds == {str} and isinstance(stored_as, (models.CharField, models.TextField)):
        return list(values)
    if kinds == {UUID} and isinstance(stored_as, models.UUIDField):
        return list(values) if connection.features.has_native_uuid_field else [value.hex for value in values]
    known: dict[int, Any] = {}
    prepared = []
    for value in values:
        key = id(value)
        if key not in known:
            known[key] = prepare(value, connection)
        prepared.append(known[key])
    return prepared
