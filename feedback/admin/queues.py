"""Queues and their questions."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from unfold.admin import StackedInline

from config.admin_base import BaseAdmin, JsonFormField, linked, rows_link
from feedback.admin.agreement import agreement_page
from feedback.admin.gate import GatedAdmin
from feedback.models import ReviewItem, ReviewQuestion, ReviewQueue
from feedback.models.queues import MOST_QUESTIONS

MOST_OPTIONS = 9
OPTIONS_WANTED = f'Give 2 to {MOST_OPTIONS} different texts, as a list: ["good", "usable", "poor"].'


class QuestionForm(forms.ModelForm):  # type: ignore[type-arg]
    """Options belong to "one of several" and to nothing else."""

    options = JsonFormField(required=False, initial=[], help_text=OPTIONS_WANTED)

    class Meta:
        model = ReviewQuestion
        fields = ("queue", "label", "key", "kind", "options", "minimum", "maximum", "help_text", "is_required", "order")

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        given["options"] = given.get("options") or []
        if given.get("kind") == ReviewQuestion.Kind.CATEGORY:
            self._check_options(given["options"])
        elif given["options"]:
            self.add_error("options", ValidationError("Only a question of the kind one of several has options."))
        self._refuse_change_once_answered()
        return given

    def _check_options(self, options: Any) -> None:
        are_texts = isinstance(options, list) and all(isinstance(each, str) and each.strip() for each in options)
        if not are_texts or not 2 <= len(set(options)) == len(options) <= MOST_OPTIONS:
            self.add_error("options", ValidationError(OPTIONS_WANTED))

    def _refuse_change_once_answered(self) -> None:
        changed = {"key", "kind"}.intersection(self.changed_data)
        if changed and not self.instance._state.adding and self.instance.is_answered():
            self.add_error(None, ValidationError("This question has been answered. Add another instead."))


class QuestionInline(StackedInline):  # type: ignore[misc]
    model = ReviewQuestion
    form = QuestionForm
    extra = 0
    max_num = MOST_QUESTIONS
    ordering = ("order", "id")
    fields = (
        ("label", "key"),
        ("kind", "is_required", "order"),
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
