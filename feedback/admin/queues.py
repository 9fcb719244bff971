"""Queues and their questions."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from unfold.admin import StackedInline

from config.admin_base import BaseAdmin, linked, rows_link
from config.admin_fields import CodeTextarea, JsonFormField
from feedback.admin.agreement import agreement_page
from feedback.admin.gate import GatedAdmin
from feedback.models import ReviewItem, ReviewQuestion, ReviewQueue
from feedback.models.queues import MOST_QUESTIONS
from feedback.queues import OPTIONS_WANTED, delete_question, fault_of_options, save_question


class QuestionForm(forms.ModelForm):  # type: ignore[type-arg]
    """Options belong to "one of several" and to nothing else."""

    options = JsonFormField(required=False, initial=[], help_text=OPTIONS_WANTED, widget=CodeTextarea({"rows": 4}))

    class Meta:
        model = ReviewQuestion
        fields = ("queue", "label", "key", "kind", "options", "minimum", "maximum", "help_text", "is_required", "order")

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        given["options"] = given.get("options") or []
        fault = fault_of_options(given.get("kind", ""), given["options"])
        if fault:
            self.add_error("options", ValidationError(fault))
        self._refuse_change_once_answered()
        return given

    def _refuse_change_once_answered(self) -> None:
        changed = {"key", "kind"}.intersection(self.changed_data)
        if changed and not self.instance._state.adding and self.instance.is_answered():
            self.add_error(None, ValidationError("This question has been answered. Add another instead."))


class QuestionFormSet(BaseInlineFormSet):  # type: ignore[type-arg]
    def clean(self) -> None:
        """What was answered can still be read, so its question stays."""
        super().clean()
        for form in self.deleted_forms:
            if not form.instance._state.adding and form.instance.is_answered():
                raise ValidationError(f"The question {form.instance.key} has been answered, so it stays.")


class QuestionInline(StackedInline):  # type: ignore[misc]
    model = ReviewQuestion
    form = QuestionForm
    formset = QuestionFormSet
    extra = 0
    max_num = MOST_QUESTIONS
    ordering = ("order", "id")
    fields = (
        ("label", "key"),
        ("kind", "order"),
        "is_required",
        "options",
        ("minimum", "maximum"),
        "help_text",
    )


@admin.register(ReviewQueue)
class ReviewQueueAdmin(GatedAdmin, BaseAdmin):
    list_display = ("name", "key", "kind", "reviewers_per_item", "is_active", "items", "agreement")
    list_filter = ("is_active", "kind")
    search_fields = ("key", "name")
    autocomplete_fields = ("pipeline", "step", "process", "metric")
    inlines = (QuestionInline,)
    fieldsets = (
        (None, {"fields": ("name", "key", "instructions", "rubric", "is_active")}),
        ("Reviewers", {"fields": ("reviewers_per_item", "reservation_minutes", "adjudication")}),
        (
            "What fills it",
            {
                "fields": (
                    "kind",
                    "pipeline",
                    "step",
                    "process",
                    "only_invalid",
                    ("metric", "metric_limit"),
                    "share_percent",
                    "most_open",
                )
            },
        ),
    )

    @admin.display(description="Items")
    def items(self, obj: ReviewQueue) -> Any:
        return rows_link(ReviewItem, "Items", queue__id__exact=obj.pk)

    @admin.display(description="Agreement")
    def agreement(self, obj: ReviewQueue) -> Any:
        return format_html(
            '<a class="text-link" href="{}">Agreement</a>',
            reverse("admin:feedback_reviewqueue_agreement", args=[obj.pk]),
        )

    def get_urls(self) -> list[URLPattern]:
        page = path(
            "<uuid:object_id>/agreement/",
            self.admin_site.admin_view(agreement_page),
            name="feedback_reviewqueue_agreement",
        )
        return [page, *super().get_urls()]


@admin.register(ReviewQuestion)
class ReviewQuestionAdmin(GatedAdmin, BaseAdmin):
    form = QuestionForm
    list_display = ("label", "key", "kind", "is_required", linked("queue"))
    list_select_related = ("queue",)
    list_filter = ("kind", "queue")
    search_fields = ("key", "label", "queue__name")
    fields = ("queue", *QuestionInline.fields)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A question stays in the queue that asks it."""
        return () if obj is None else ("queue",)

    def save_model(self, request: HttpRequest, obj: ReviewQuestion, form: Any, change: bool) -> None:
        save_question(obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Whose answers can still be read stays."""
        *found, protected = super().get_deleted_objects(objs, request)
        return (*found, [*protected, *(f"{each}, as it has been answered" for each in objs if each.is_answered())])

    def delete_model(self, request: HttpRequest, obj: ReviewQuestion) -> None:
        delete_question(obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for question in queryset:
            delete_question(question)
