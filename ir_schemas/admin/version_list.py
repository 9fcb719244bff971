"""The list of versions: each line's together, the newest first, with how many documents passed lately."""

from datetime import timedelta
from math import floor
from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest
from django.utils import timezone

from config.admin_base import row_link
from config.admin_lists import RecordChangeList
from ir_schemas.models import CompatibilityLevel, IRArtifact, IRSchema, ValidationOutcome
from ir_schemas.services import owner_of

DAYS = 7


class VersionChangeList(RecordChangeList):
    """Gives each row of the page what its line is called and requires, and its ``pass_rate``, for one query in all."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: list[Any] = list(self.result_list)  # type: ignore[has-type]
        rates = pass_rates(self.model, [row.pk for row in rows])
        for row in rows:
            row.line = owner_of(row)
            row.line_link = row_link(row.line)
            row.line_level = _level(row.line)
            row.pass_rate = rate_text(*rates.get(row.pk, (0, 0)))
        self.result_list = rows


def pass_rates(model: type[Any], keys: list[Any]) -> dict[Any, tuple[int, int]]:
    """For each version that judged artifacts in the last ``DAYS`` days: how many were valid, and of how many."""
    column = "schema" if model is IRSchema else "schema_definition"
    since = timezone.now() - timedelta(days=DAYS)
    judged = IRArtifact.objects.filter(
        **{f"{column}__in": keys},
        created_at__gte=since,
        outcome__in=(ValidationOutcome.VALID, ValidationOutcome.INVALID),
    )
    valid = Count("pk", filter=Q(outcome=ValidationOutcome.VALID))
    rows = judged.order_by().values_list(column).annotate(valid=valid, checked=Count("pk"))
    return {key: (valid, checked) for key, valid, checked in rows}


def rate_text(valid: int, checked: int) -> str:
    """``99.9 % of 1,204``; rounded down, so that 100 % means all. Empty where nothing was checked."""
    if not checked:
        return ""
    return f"{floor(1000 * valid / checked) / 10:g} % of {checked:,}"


def _level(owner: Any) -> str:
    """What the line requires, where it requires anything."""
    line = getattr(owner, "schema_line", None)
    return "" if line is None or line.compatibility == CompatibilityLevel.NONE else line.compatibility
