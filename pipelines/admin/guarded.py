"""What a gate compares others with is not deleted."""

from collections.abc import Iterable
from typing import Any, cast

from django.contrib.auth.models import User
from django.http import HttpRequest


class GuardedAdmin:
    """For a ``ModelAdmin``: rows are deleted by their service, and its page says beforehand which of them stay."""

    def is_guarded(self, obj: Any) -> bool:
        raise NotImplementedError

    def delete_row(self, obj: Any, by: User) -> None:
        raise NotImplementedError

    def get_deleted_objects(self, objs: Iterable[Any], request: HttpRequest) -> Any:
        *found, protected = super().get_deleted_objects(objs, request)  # type: ignore[misc]
        guarded = [f"{each}, as a gate compares others with it" for each in objs if self.is_guarded(each)]
        return (*found, [*protected, *guarded])

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.delete_row(obj, cast(User, request.user))

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for each in queryset:
            self.delete_model(request, each)
