"""AI processes, their prompts, what went in and came out, and what was retrieved for them."""

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.postgres.indexes import OpClass
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Cast
from pgvector.django import HalfVectorField, HnswIndex, VectorField

from config.models import Record, Weighed
from pipelines.embeddings.vectoriser import DIMENSIONS
from pipelines.models.definitions import KEY_VALIDATOR, ValidationMode


@pghistory.track(exclude=["created_at"])
class AIProcess(Record):
    """A kind of AI work; its prompts are its versions of instruction."""

    key = models.CharField(max_length=80, unique=True, validators=[KEY_VALIDATOR])
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)

    class Meta(Record.Meta):
        db_table = "ai_processes"
        verbose_name = "AI process"
        verbose_name_plural = "AI processes"

    def __str__(self) -> str:
        return self.key


@pghistory.track(exclude=["created_at"])
class AIPrompt(Record):
    """One version of a process's prompt."""

    process = models.ForeignKey(AIProcess, on_delete=models.PROTECT, related_name="prompts")
    version = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    content = models.TextField(help_text="A Jinja template.")
    is_active = models.BooleanField(default=False)
    is_default = models.BooleanField(default=False)
    ir_validation_mode = models.CharField(
        "IR validation mode",
        max_length=10,
        blank=True,
        choices=ValidationMode,
        help_text="Overrides IR_VALIDATION_MODE for this prompt. Empty: no override.",
    )

    class Meta(Record.Meta):
        db_table = "ai_prompts"
        verbose_name = "prompt"
        constraints = [
            models.UniqueConstraint(fields=["process", "version"], name="prompt_version_unique"),
            models.UniqueConstraint(
                fields=["process"], condition=Q(is_default=True), name="one_default_prompt_per_process"
            ),
            models.CheckConstraint(name="prompt_version_from_one", condition=Q(version__gte=1)),
            models.CheckConstraint(
                name="prompt_validation_mode_known", condition=Q(ir_validation_mode__in=["", *ValidationMode.values])
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="prompt_fixed_once_asked",
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf("process_id", "version", "content"),  # type: ignore[no-untyped-call]
                condition=pgtrigger.Q(old__process__df=pgtrigger.F("new__process"))
                | pgtrigger.Q(old__version__df=pgtrigger.F("new__version"))
                | pgtrigger.Q(old__content__df=pgtrigger.F("new__content")),
                func="""
                    IF EXISTS (SELECT 1 FROM prompt_data WHERE ai_prompt_id = OLD.id)
                        OR EXISTS (SELECT 1 FROM feedback_evaluation WHERE prompt_id = OLD.id)
                    THEN
                        RAISE EXCEPTION 'This prompt was asked or evaluated, so its words stay. Add the next version.'
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return f"{self.process.key}@{self.version}"


class PromptData(Record, Weighed):
    """What went into a prompt. ``pipeline_id`` and ``section_id`` are the caller's own names."""

    ai_prompt = models.ForeignKey(AIPrompt, on_delete=models.PROTECT, null=True, blank=True, related_name="data")
    step_run = models.ForeignKey(
        "pipelines.StepRun", on_delete=models.SET_NULL, null=True, blank=True, related_name="prompt_data"
    )
    pipeline_id = models.CharField(max_length=200, blank=True, db_index=True)
    section_id = models.CharField(max_length=200, blank=True)
    prompt = models.TextField(blank=True)
    context = models.JSONField(default=dict, blank=True)
    metadata = models.JSONField(default=dict, blank=True)

    # Who handed it in from outside and by which door, under which name, and the hash of what was sent.
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, db_index=False, related_name="+"
    )
    source = models.CharField(max_length=8, blank=True, default="", db_default="", editable=False)
    idempotency_key = models.CharField(max_length=200, blank=True, default="", db_default="", editable=False)
    payload_hash = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)

    class Meta(Record.Meta):
        db_table = "prompt_data"
        verbose_name = "prompt data"
        verbose_name_plural = "prompt data"
        constraints = [
            models.UniqueConstraint(
                fields=["recorded_by", "source", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="prompt_data_recorded_once",
            )
        ]

    def __str__(self) -> str:
        return str(self.id)


class PromptResult(Record, Weighed):
    """What came out, and what it cost. Unknown tokens and costs are null, never 0."""

    prompt_data = models.ForeignKey(PromptData, on_delete=models.CASCADE, related_name="results")
    result = models.JSONField(null=True, blank=True)
    quality_score = models.FloatField(null=True, blank=True)
    metrics = models.JSONField(default=dict, blank=True)
    tokens_in = models.PositiveIntegerField(null=True, blank=True)
    tokens_out = models.PositiveIntegerField(null=True, blank=True)
    tokens_cached = models.PositiveIntegerField(null=True, blank=True, help_text="Of tokens in, those read from cache.")
    tokens_reasoning = models.PositiveIntegerField(null=True, blank=True, help_text="Of tokens out, those not shown.")
    total_cost_usd = models.DecimalField(max_digits=16, decimal_places=8, null=True, blank=True)
    latency_ms = models.FloatField(null=True, blank=True)
    model = models.CharField(max_length=200, blank=True)
    provider = models.CharField(max_length=80, blank=True)

    class Meta(Record.Meta):
        db_table = "prompt_results"
        constraints = [
            models.CheckConstraint(
                name="prompt_cost_not_negative", condition=Q(total_cost_usd__isnull=True) | Q(total_cost_usd__gte=0)
            ),
            models.CheckConstraint(
                name="prompt_latency_not_negative", condition=Q(latency_ms__isnull=True) | Q(latency_ms__gte=0)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model or 'result'} {self.id}"


@pghistory.track(exclude=["created_at"])
class ModelPrice(Record):
    """What a model costs from a day on, in US dollars a million tokens. The latest price that has begun holds."""

    class Source(models.TextChoices):
        MANUAL = "manual", "Entered by hand"
        GENAI_PRICES = "genai-prices", "genai-prices"

    provider = models.CharField(max_length=80, help_text="As pricedAs of the provider says; else the provider's name.")
    model = models.CharField(max_length=200)
    effective_from = models.DateField(help_text="The first day (UTC) on which it holds.")
    input_per_million = models.DecimalField(max_digits=14, decimal_places=6)
    output_per_million = models.DecimalField(max_digits=14, decimal_places=6)
    cached_per_million = models.DecimalField(
        max_digits=14,
        decimal_places=6,
        null=True,
        blank=True,
        help_text="For tokens read from a cache. Empty: they cost what others do.",
    )
    source = models.CharField(
        max_length=16,
        choices=Source,
        default=Source.MANUAL,
        editable=False,
        help_text="update_prices leaves a model alone whose latest price was entered by hand.",
    )

    class Meta(Record.Meta):
        constraints = [
            models.UniqueConstraint(fields=["provider", "model", "effective_from"], name="one_price_a_day"),
            models.CheckConstraint(
                name="price_not_negative",
                condition=Q(input_per_million__gte=0, output_per_million__gte=0)
                & (Q(cached_per_million__isnull=True) | Q(cached_per_million__gte=0)),
            ),
            models.CheckConstraint(name="price_source_known", condition=Q(source__in=["manual", "genai-prices"])),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.model} from {self.effective_from}"


class Embedding(Record):
    """A text's vector. Rows of different ``model`` are never compared; shorter vectors are padded with zeros."""

    namespace = models.CharField(max_length=80)
    ref_type = models.CharField(max_length=80)
    ref_id = models.CharField(max_length=200)
    vector = VectorField(dimensions=DIMENSIONS)
    model = models.CharField(max_length=200)
    native_dim = models.PositiveSmallIntegerField()
    content = models.TextField(blank=True)
    metadata = models.JSONField(default=dict, blank=True)

    class Meta(Record.Meta):
        indexes = [
            models.Index(fields=["namespace", "model"], name="embedding_by_namespace"),
            # In half precision it is half the size; retrieval ranks what it finds by the vectors themselves.
            HnswIndex(
                OpClass(Cast("vector", HalfVectorField(dimensions=DIMENSIONS)), name="halfvec_cosine_ops"),
                name="embedding_half_hnsw",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["namespace", "ref_type", "ref_id", "model"], name="embedding_unique"),
            models.CheckConstraint(
                name="embedding_native_dim_fits", condition=Q(native_dim__gte=1, native_dim__lte=DIMENSIONS)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.namespace} {self.ref_type} {self.ref_id}"
