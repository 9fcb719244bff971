"""AI processes and prompts, what went through them, and what it costs."""

from functools import partial
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.text import capfirst

from config.admin_base import (
    BaseAdmin,
    ReadOnlyAdmin,
    ReadOnlyInline,
    dollars_text,
    linked,
    milliseconds_text,
    opens,
    rows_link,
)
from config.problems import DomainError
from pipelines.admin.guarded import GuardedAdmin
from pipelines.admin.prompt_activation import activate_page
from pipelines.ai import template
from pipelines.ai.activation import activate_prompt, delete_prompt, is_guarded, save_prompt
from pipelines.ai.prompts import active_prompts
from pipelines.models import AIProcess, AIPrompt, ModelPrice, PromptData, PromptResult

WHY = "What went through a prompt is evidence, so nobody can change it here."


@admin.display(description="Cost (USD)", ordering="total_cost_usd")
def cost(result: PromptResult) -> str:
    return dollars_text(result.total_cost_usd)


@admin.display(description="Tokens in", ordering="tokens_in")
def tokens_in(result: PromptResult) -> str:
    """``1,200 (800 cached)``."""
    return _tokens(result.tokens_in, result.tokens_cached, "cached")


@admin.display(description="Tokens out", ordering="tokens_out")
def tokens_out(result: PromptResult) -> str:
    """``340 (120 reasoning)``."""
    return _tokens(result.tokens_out, result.tokens_reasoning, "reasoning")


@admin.display(description="Latency", ordering="latency_ms")
def latency(result: PromptResult) -> str:
    return milliseconds_text(result.latency_ms)


def _tokens(total: int | None, part: int | None, of: str) -> str:
    if total is None:
        return "unknown"
    return f"{total:,} ({part:,} {of})" if part else f"{total:,}"


class PromptInline(ReadOnlyInline):
    model = AIPrompt
    fields = (opens("version"), "is_active", "is_default", "ir_validation_mode", "created_at")
    readonly_fields = fields
    ordering = ("-version",)


@admin.register(AIProcess)
class AIProcessAdmin(BaseAdmin):
    list_display = ("key", "name", "description", "created_at")
    search_fields = ("key", "name", "description")
    ordering = ("key",)
    fields = ("key", "name", "description")
    inlines = (PromptInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Steps name a process by its key, so that stays."""
        return () if obj is None else ("key",)


class AIPromptForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        help_texts = {
            "content": "A Jinja template. It sees inputs, upstream, item, context and schema; see docs/ai-steps.md."
        }

    def clean_content(self) -> str:
        """Refuses a template that can't be read, with its line."""
        content = str(self.cleaned_data["content"])
        try:
            template.check(content)
        except template.TemplateFault as fault:
            raise forms.ValidationError(capfirst(str(fault))) from fault
        return content


@admin.register(AIPrompt)
class AIPromptAdmin(GuardedAdmin, BaseAdmin):
    """What a prompt that has been asked said stays as it was; whether it is active can still be changed."""

    form = AIPromptForm
    code_fields = ("content",)
    list_display = (
        "__str__",
        linked("process"),
        "version",
        "is_active",
        "is_default",
        "ir_validation_mode",
        "created_at",
    )
    list_select_related = ("process",)
    list_filter = ("is_active", "is_default", "process")
    search_fields = ("process__key", "content")
    autocomplete_fields = ("process",)
    fields = ("process", "version", "content", "is_active", "is_default", "ir_validation_mode", "asked", "created_at")
    readonly_fields = ("asked", "created_at")
    actions = ("activate",)
    change_form_outer_before_template = "admin/pipelines/aiprompt/head.html"

    class Media:
        css = {"all": ("irline/schema-editor.css",)}

    def get_urls(self) -> list[URLPattern]:
        door = self.admin_site.admin_view(partial(activate_page, self))
        return [path("<uuid:pk>/activate/", door, name="pipelines_aiprompt_activate"), *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        obj: Any = kwargs.get("obj")
        may = obj is not None and self.has_change_permission(request, obj)
        is_asked = may and active_prompts(obj.process.key).first() == obj
        context["may_activate"] = may and not is_asked
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: AIPrompt, form: Any, change: bool) -> None:
        save_prompt(obj, by=cast(User, request.user))

    def is_guarded(self, obj: AIPrompt) -> bool:
        return is_guarded(obj)

    def delete_row(self, obj: AIPrompt, by: User) -> None:
        delete_prompt(obj, by=by)

    @admin.action(description="Make active: steps that name no version ask this one", permissions=["change"])
    def activate(self, request: HttpRequest, queryset: Any) -> None:
        if queryset.count() != 1:
            messages.error(request, "Choose exactly one prompt to make active.")
            return
        try:
            prompt = activate_prompt(queryset.get(), by=cast(User, request.user))
        except DomainError as refusal:
            messages.error(request, refusal.message)
            return
        messages.success(request, f"Steps that ask {prompt.process} now get version {prompt.version}.")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        is_fixed = obj is not None and (obj.data.exists() or obj.evaluations.exists())
        fixed = ["process", "version", "content"] if is_fixed else []
        return [*super().get_readonly_fields(request, obj), *fixed]

    @admin.display(description="Asked")
    def asked(self, obj: AIPrompt) -> Any:
        """What went through it; where something did, its words are fixed."""
        if not obj.data.exists():
            return "Never"
        link = rows_link(PromptData, "What went through it", ai_prompt__id__exact=obj.pk)
        return format_html("{}. So its words stay as they are. Add the next version to change them.", link)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("process")


class PromptResultInline(ReadOnlyInline):
    model = PromptResult
    fields = (opens("model"), "provider", "quality_score", tokens_in, tokens_out, cost, latency)
    readonly_fields = fields


@admin.register(PromptData)
class PromptDataAdmin(ReadOnlyAdmin):
    why_read_only = WHY
    code_fields = ("prompt",)
    list_display = ("created_at", linked("ai_prompt"), linked("step_run"), "pipeline_id", "section_id", "size_bytes")
    list_select_related = ("ai_prompt__process", "step_run")
    list_filter = ("ai_prompt__process", "created_at")
    search_fields = ("=id", "pipeline_id", "section_id", "prompt", "=step_run__id")
    date_hierarchy = "created_at"
    inlines = (PromptResultInline,)
    fieldsets = (
        (None, {"fields": ("ai_prompt", "step_run", "pipeline_id", "section_id")}),
        ("Input", {"fields": ("prompt", "context", "metadata")}),
        ("Record", {"fields": ("id", "created_at", "size_bytes", "content_hash", "pruned_at")}),
    )


@admin.register(PromptResult)
class PromptResultAdmin(ReadOnlyAdmin):
    why_read_only = WHY
    list_display = (
        "created_at",
        "model",
        "provider",
        "quality_score",
        tokens_in,
        tokens_out,
        cost,
        latency,
        linked("prompt_data", "Input"),
    )
    list_select_related = ("prompt_data",)
    list_filter = ("provider", "model", "created_at")
    search_fields = ("=id", "=prompt_data__id", "model", "provider")
    date_hierarchy = "created_at"
    fieldsets = (
        (None, {"fields": ("prompt_data", "result", "quality_score", "metrics")}),
        (
            "Cost",
            {"fields": ("model", "provider", tokens_in, tokens_out, cost, latency)},
        ),
        ("Record", {"fields": ("id", "created_at", "size_bytes", "content_hash", "pruned_at")}),
    )


@admin.register(ModelPrice)
class ModelPriceAdmin(BaseAdmin):
    """A price that is entered or changed here is a person's, and ``update_prices`` leaves its model alone."""

    list_display = (
        "model",
        "provider",
        "effective_from",
        "input_per_million",
        "output_per_million",
        "cached_per_million",
        "source",
    )
    list_filter = ("provider", "source")
    search_fields = ("provider", "model")
    ordering = ("provider", "model", "-effective_from")
    fields = (
        "provider",
        "model",
        "effective_from",
        "input_per_million",
        "output_per_million",
        "cached_per_million",
        "source",
    )
    readonly_fields = ("source",)

    def save_model(self, request: HttpRequest, obj: ModelPrice, form: Any, change: bool) -> None:
        obj.source = ModelPrice.Source.MANUAL
        super().save_model(request, obj, form, change)
