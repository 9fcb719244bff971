"""Rows of tables as the SQL functions take and give them: JSON objects by column."""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, models

Made = TypeVar("Made", bound=models.Model)


def by_column(row: models.Model) -> dict[str, Any]:
    """A row that is to be made; columns that are null are left out."""
    columns = {str(field.column): getattr(row, field.attname) for field in row._meta.concrete_fields}
    return {column: value for column, value in columns.items() if value is not None}


def of_columns(model: type[Made], columns: Mapping[str, Any]) -> Made:
    """The instance that the ORM would have made of the row; columns that are left out are deferred."""
    fields = [field for field in model._meta.concrete_fields if str(field.column) in columns]
    values = [field.to_python(columns[str(field.column)]) for field in fields]
    return model.from_db(DEFAULT_DB_ALIAS, [field.attname for field in fields], values)
