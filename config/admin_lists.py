"""Admin lists of tables that only grow."""

from typing import Any, cast

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.paginator import Paginator
from django.db import DataError, models
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.views import ChangeList


class RecordChangeList(ChangeList):  # type: ignore[misc]
    """Without a filter the rows found are all there are, so that nothing needs counting twice.

    Of more rows than are counted the months are not listed either, as each would have to be read for that.
    """

    def get_results(self, request: HttpRequest) -> None:
        """Raises ``IncorrectLookupParameters``, which leads back to the whole list, for values no row can have."""
        try:
            super().get_results(request)
        except (ValueError, OverflowError, DataError) as error:
            raise IncorrectLookupParameters(error) from error
        if not (self.query or self.filter_params):
            self.full_result_count = self.result_count
        if getattr(self.paginator, "has_more", False) and f"{self.date_hierarchy}__year" not in self.params:
            self.date_hierarchy: str | None = None


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no more than ``most`` rows: a count over everything takes seconds in the tables that only grow."""

    most = 10_000
    template_name = "irline/pagination_bounded.html"

    @cached_property
    def found(self) -> int:
        """As many as there are, or one more than ``most``."""
        rows = cast("models.QuerySet[Any]", self.object_list)
        return rows.order_by()[: self.most + 1].count()

    @property
    def count(self) -> int:
        return min(self.found, self.most)

    @property
    def has_more(self) -> bool:
        return self.found > self.most
