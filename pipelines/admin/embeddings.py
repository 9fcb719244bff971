"""The texts that are retrieved for prompts."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminTextareaWidget

from config.admin_base import BaseAdmin
from pipelines.embeddings.services import save_text
from pipelines.embeddings.vectoriser import MODEL
from pipelines.models import Embedding


class EmbeddingForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        labels = {"ref_type": "Kind", "ref_id": "Reference", "content": "Text"}
        help_texts = {
            "namespace": "Steps look in one of them: the namespace in their config's retrieve.",
            "ref_type": "What it is, such as note or guideline.",
            "ref_id": "Its name in the record of what was retrieved; each of a kind once in a namespace.",
            "content": "What a prompt is shown of it. Its first 100,000 characters are looked through.",
        }
        widgets = {"content": UnfoldAdminTextareaWidget(attrs={"rows": 12})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "content" in self.fields:
            self.fields["content"].required = True


@admin.register(Embedding)
class EmbeddingAdmin(BaseAdmin):
    """Its vector follows the text; one that another program made is only shown."""

    form = EmbeddingForm
    why_frozen = "Its vector was made elsewhere, so it can't follow a change of the text here."
    list_display = ("ref_id", "namespace", "ref_type", "model", "native_dim", "content", "created_at")
    list_filter = ("namespace", "ref_type", "model")
    search_fields = ("namespace", "ref_type", "ref_id", "content")
    fields = (
        "namespace",
        "ref_type",
        "ref_id",
        "content",
        "metadata",
        "model",
        "native_dim",
        "begins_with",
        "created_at",
    )
    readonly_fields = ("metadata", "model", "native_dim", "begins_with", "created_at")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("vector")

    def is_frozen(self, obj: Embedding) -> bool:
        return obj.model != MODEL

    def save_model(self, request: HttpRequest, obj: Embedding, form: Any, change: bool) -> None:
        save_text(obj)

    @admin.display(description="Vector")
    def begins_with(self, obj: Embedding) -> str:
        numbers = ", ".join(f"{number:.4f}" for number in list(obj.vector)[:8])
        return f"{numbers}, … ({len(obj.vector):,} numbers)"
