"""What the list can be narrowed by."""

from typing import Any

from django_filters import rest_framework as filters

from ir_schemas.api.permissions import may
from ir_schemas.models import SchemaState
from ir_schemas.selectors import TABLES, Versions, list_versions


class SchemaVersionFilter(filters.FilterSet):  # type: ignore[misc]
    """Names of owners narrow to the table that has them; the user sees the tables that they may view."""

    promptId = filters.UUIDFilter()
    processId = filters.UUIDFilter()
    stepVersionId = filters.UUIDFilter()
    state = filters.ChoiceFilter(choices=SchemaState.choices)

    def filter_queryset(self, queryset: Any) -> Versions:
        chosen = self.form.cleaned_data
        return list_versions(
            tables=[table for table in TABLES if may(self.request, "view", table)],
            prompt_id=chosen["promptId"],
            process_id=chosen["processId"],
            step_version_id=chosen["stepVersionId"],
            state=chosen["state"],
        )
