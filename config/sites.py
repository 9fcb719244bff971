"""The admin's site."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from unfold.sites import UnfoldAdminSite

from config.permissions import permissions_of


class Site(UnfoldAdminSite):  # type: ignore[misc]
    """Unfold's, which lists the applications only on pages that show them: it takes a tenth of a page's time.

    What a person may do is read at once, as menus and buttons ask for dozens of permissions.
    """

    def has_permission(self, request: HttpRequest) -> bool:
        user: Any = request.user
        may_enter = bool(super().has_permission(request))
        if may_enter and not user.is_superuser and not hasattr(user, "_perm_cache"):
            # Where Django's backend keeps what it would look up with two queries at the first question.
            user._perm_cache = permissions_of(user.pk)
        return may_enter

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        return SimpleLazyObject(lambda: super(Site, self).get_app_list(request, app_label))
