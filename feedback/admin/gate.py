"""What review adds to the admin stays out of its menus while review is switched off."""

from django.http import HttpRequest

from config import features


class GatedAdmin:
    """For a ``ModelAdmin``: the table is on no menu while ``REVIEW_ENABLED`` is off."""

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        perms: dict[str, bool] = super().get_model_perms(request)  # type: ignore[misc]
        return perms if features.is_open(request, features.REVIEW) else {}
