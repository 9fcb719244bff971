"""Gates: what a version must show before it is made active."""

from typing import Any, cast

from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest

from config.admin_base import BaseAdmin, linked
from feedback.admin.gate import GatedAdmin
from feedback.models import ActivationGate
from pipelines.review.gating import save_gate


@admin.register(ActivationGate)
class ActivationGateAdmin(GatedAdmin, BaseAdmin):
    list_display = (
        "__str__",
        linked("pipeline"),
        linked("process"),
        linked("truth_set", "Set"),
        "minimum_items",
        "when_unclear",
        "enabled",
    )
    list_select_related = ("pipeline", "process", "truth_set")
    list_filter = ("enabled", "pipeline", "truth_set")
    search_fields = ("pipeline__key", "process__key", "truth_set__key")
    autocomplete_fields = ("pipeline", "process", "truth_set")
    fields = (
        "pipeline", "process", "truth_set", "minimum_items", "when_unclear", "enabled", "created_by", "created_at",
    )  # fmt: skip
    readonly_fields = ("created_by", "created_at")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related(*self.list_select_related)

    def save_model(self, request: HttpRequest, obj: ActivationGate, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = cast(User, request.user)
        save_gate(obj)
