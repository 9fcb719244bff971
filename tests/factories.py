"""One factory for each model: ``PipelineRunFactory()`` gives a saved row with everything it needs around it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import factory
from django.contrib.auth.models import Group, User
from django.utils import timezone
from factory.django import DjangoModelFactory
from knox.models import AuthToken

from feedback.models import (
    ActivationGate,
    Evaluation,
    EvaluationItem,
    GroundTruth,
    GroundTruthSet,
    GroundTruthSetItem,
    Judge,
    Judgement,
    ReviewAnswer,
    ReviewAssignment,
    ReviewFeedback,
    ReviewItem,
    ReviewQuestion,
    ReviewQueue,
)
from ir_schemas.models import IRArtifact, IRSchema, IRSchemaDefinition, SchemaEvent, SchemaLine
from metrics.models import MetricDefinition, MetricProfile, MetricProfileItem, MetricResult
from monitoring.models import Alert, AlertFiring, FeatureFlag, FlagRule, RollupMark, RunRollup, TestResult, TestRun
from monitoring.rollups import MEASURES
from pipelines.embeddings.vectoriser import DIMENSIONS
from pipelines.models import (
    AIProcess,
    AIPrompt,
    ConcurrencyPool,
    DesignSplit,
    Embedding,
    GeneratedArtifact,
    ModelPrice,
    ModuleTemplate,
    PipelineDefinition,
    PipelineRun,
    PipelineSchedule,
    PipelineVersion,
    PromptData,
    PromptResult,
    SplitAsset,
    StepDefinition,
    StepLog,
    StepOutputLink,
    StepRun,
    StepVersion,
    ValidationResult,
)


class UserFactory(DjangoModelFactory):
    """Has no usable password: sign in with ``client.force_login``."""

    class Meta:
        model = User

    username = factory.Sequence(lambda n: f"user{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.org")
    password = "!"


class GroupFactory(DjangoModelFactory):
    class Meta:
        model = Group

    name = factory.Sequence(lambda n: f"group {n}")


class AuthTokenFactory(DjangoModelFactory):
    class Meta:
        model = AuthToken

    user = factory.SubFactory(UserFactory)

    @classmethod
    def _create(cls, model_class: type[AuthToken], *args: Any, **kwargs: Any) -> AuthToken:
        token, _secret = AuthToken.objects.create(*args, **kwargs)
        return token


class ConcurrencyPoolFactory(DjangoModelFactory):
    class Meta:
        model = ConcurrencyPool

    key = factory.Sequence(lambda n: f"pool_{n}")
    limit = 2


class PipelineDefinitionFactory(DjangoModelFactory):
    class Meta:
        model = PipelineDefinition

    key = factory.Sequence(lambda n: f"pipeline_{n}")
    name = factory.LazyAttribute(lambda row: row.key.replace("_", " ").capitalize())


class StepDefinitionFactory(DjangoModelFactory):
    class Meta:
        model = StepDefinition

    key = factory.Sequence(lambda n: f"step_{n}")
    name = factory.LazyAttribute(lambda row: row.key.replace("_", " ").capitalize())


class StepVersionFactory(DjangoModelFactory):
    class Meta:
        model = StepVersion

    step = factory.SubFactory(StepDefinitionFactory)
    version = 1
    handler = factory.LazyAttribute(lambda row: row.step.key)


class PipelineVersionFactory(DjangoModelFactory):
    """A DAG of one node, ``first``."""

    class Meta:
        model = PipelineVersion

    pipeline = factory.SubFactory(PipelineDefinitionFactory)
    version = 1
    dag = factory.LazyFunction(lambda: {"nodes": [{"key": "first", "stepVersionId": str(StepVersionFactory().pk)}]})


class DesignSplitFactory(DjangoModelFactory):
    class Meta:
        model = DesignSplit

    name = factory.Sequence(lambda n: f"page-{n}.html")
    kind = DesignSplit.Kind.HTML
    entry = "index.html"
    bundle = "designs/none.zip"
    sha256 = "0" * 64


class SplitAssetFactory(DjangoModelFactory):
    class Meta:
        model = SplitAsset

    split = factory.SubFactory(DesignSplitFactory)
    kind = "hero"


class ModuleTemplateFactory(DjangoModelFactory):
    class Meta:
        model = ModuleTemplate

    name = factory.Sequence(lambda n: f"module_{n}")


class GeneratedArtifactFactory(DjangoModelFactory):
    class Meta:
        model = GeneratedArtifact

    design_split = factory.SubFactory(DesignSplitFactory)
    module = factory.SubFactory(ModuleTemplateFactory)
    type = "hubspot_module"


class ValidationResultFactory(DjangoModelFactory):
    class Meta:
        model = ValidationResult

    artifact = factory.SubFactory(GeneratedArtifactFactory)
    design_split = factory.LazyAttribute(lambda row: row.artifact.design_split)
    validator = "html"
    status = ValidationResult.Status.PASSED


class PipelineRunFactory(DjangoModelFactory):
    """A running run; ``finished=True`` completes it."""

    class Meta:
        model = PipelineRun

    class Params:
        finished = factory.Trait(
            status=PipelineRun.Status.COMPLETED, finished_at=factory.LazyFunction(lambda: timezone.now())
        )

    pipeline_version = factory.SubFactory(PipelineVersionFactory)
    pipeline = factory.LazyAttribute(lambda row: row.pipeline_version.pipeline)
    design_split = factory.SubFactory(DesignSplitFactory)
    dag = factory.LazyAttribute(lambda row: row.pipeline_version.dag)


class PipelineScheduleFactory(DjangoModelFactory):
    class Meta:
        model = PipelineSchedule

    name = factory.Sequence(lambda n: f"schedule {n}")
    pipeline = factory.SubFactory(PipelineDefinitionFactory)
    cron = "30 2 * * *"
    next_run_at = factory.LazyFunction(lambda: timezone.now())


class StepLogFactory(DjangoModelFactory):
    class Meta:
        model = StepLog

    step_run = factory.SubFactory("tests.factories.StepRunFactory")
    attempt = 1
    message = "half way"


class StepRunFactory(DjangoModelFactory):
    """A pending step run; ``completed=True`` is one that ran once and succeeded."""

    class Meta:
        model = StepRun

    class Params:
        completed = factory.Trait(
            status=StepRun.Status.COMPLETED,
            attempt=1,
            started_at=factory.LazyFunction(lambda: timezone.now()),
            finished_at=factory.SelfAttribute("started_at"),
        )

    pipeline_run = factory.SubFactory(PipelineRunFactory)
    step_version = factory.SubFactory(StepVersionFactory)
    node_key = factory.Sequence(lambda n: f"node_{n}")


class StepOutputLinkFactory(DjangoModelFactory):
    class Meta:
        model = StepOutputLink

    step_run = factory.SubFactory(StepRunFactory)
    target_type = "SplitAsset"
    target_id = factory.LazyFunction(lambda: SplitAssetFactory().pk)


class AIProcessFactory(DjangoModelFactory):
    class Meta:
        model = AIProcess

    key = factory.Sequence(lambda n: f"process_{n}")
    name = factory.LazyAttribute(lambda row: row.key.replace("_", " ").capitalize())


class AIPromptFactory(DjangoModelFactory):
    class Meta:
        model = AIPrompt

    process = factory.SubFactory(AIProcessFactory)
    version = 1
    content = "Describe {{ section }}."


class PromptDataFactory(DjangoModelFactory):
    class Meta:
        model = PromptData

    ai_prompt = factory.SubFactory(AIPromptFactory)
    prompt = "Describe the hero."


class PromptResultFactory(DjangoModelFactory):
    class Meta:
        model = PromptResult

    prompt_data = factory.SubFactory(PromptDataFactory)
    result = factory.LazyFunction(lambda: {"text": "A hero."})
    model = "model-1"
    provider = "provider"


class ModelPriceFactory(DjangoModelFactory):
    class Meta:
        model = ModelPrice

    provider = "provider"
    model = factory.Sequence(lambda n: f"model-{n}")
    effective_from = date(2026, 1, 1)
    input_per_million = Decimal("2.5")
    output_per_million = Decimal("10")


class EmbeddingFactory(DjangoModelFactory):
    class Meta:
        model = Embedding

    namespace = "guidelines"
    ref_type = "guideline"
    ref_id = factory.Sequence(str)
    vector = factory.LazyFunction(lambda: [1.0] + [0.0] * (DIMENSIONS - 1))
    model = "hashing"
    native_dim = DIMENSIONS


class IRSchemaFactory(DjangoModelFactory):
    class Meta:
        model = IRSchema

    step_version = factory.SubFactory(StepVersionFactory)
    version = 1
    schema = factory.LazyFunction(lambda: {"type": "object"})


class IRSchemaDefinitionFactory(DjangoModelFactory):
    class Meta:
        model = IRSchemaDefinition

    name = factory.Sequence(lambda n: f"schema {n}")
    process = factory.SubFactory(AIProcessFactory)
    version = 1
    schema = factory.LazyFunction(lambda: {"type": "object"})


class SchemaLineFactory(DjangoModelFactory):
    class Meta:
        model = SchemaLine

    step_version = factory.SubFactory(StepVersionFactory)


class SchemaEventFactory(DjangoModelFactory):
    class Meta:
        model = SchemaEvent

    schema = factory.SubFactory(IRSchemaFactory)
    action = SchemaEvent.Action.CREATED


class IRArtifactFactory(DjangoModelFactory):
    """A valid IR, with the size and hash of its body."""

    class Meta:
        model = IRArtifact

    step_run = factory.SubFactory(StepRunFactory, completed=True)
    ir_json = factory.LazyFunction(dict)
    outcome = IRArtifact.Outcome.VALID
    is_valid = True
    validation_mode = "log"

    @classmethod
    def _create(cls, model_class: type[IRArtifact], *args: Any, **kwargs: Any) -> IRArtifact:
        artifact = model_class(**kwargs)
        artifact.weigh(artifact.ir_json)
        artifact.save()
        return artifact


class MetricDefinitionFactory(DjangoModelFactory):
    class Meta:
        model = MetricDefinition

    key = factory.Sequence(lambda n: f"metric_{n}")
    name = factory.LazyAttribute(lambda row: row.key.replace("_", " ").capitalize())
    direction = MetricDefinition.Direction.HIGHER


class MetricProfileFactory(DjangoModelFactory):
    class Meta:
        model = MetricProfile

    key = factory.Sequence(lambda n: f"profile_{n}")
    name = factory.LazyAttribute(lambda row: row.key.replace("_", " ").capitalize())


class MetricProfileItemFactory(DjangoModelFactory):
    class Meta:
        model = MetricProfileItem

    profile = factory.SubFactory(MetricProfileFactory)
    metric = factory.SubFactory(MetricDefinitionFactory)


class MetricResultFactory(DjangoModelFactory):
    class Meta:
        model = MetricResult

    step_run = factory.SubFactory(StepRunFactory, completed=True)
    metric = factory.SubFactory(MetricDefinitionFactory)
    value = 0.9
    passed = True


class TestRunFactory(DjangoModelFactory):
    __test__ = False

    class Meta:
        model = TestRun

    type = TestRun.Type.AI
    status = TestRun.Status.PASSED
    started_at = factory.LazyFunction(timezone.now)


class TestResultFactory(DjangoModelFactory):
    __test__ = False

    class Meta:
        model = TestResult

    test_run = factory.SubFactory(TestRunFactory)
    name = factory.Sequence(lambda n: f"Check {n}")
    status = TestResult.Status.PASSED


class RollupMarkFactory(DjangoModelFactory):
    class Meta:
        model = RollupMark

    period = factory.LazyFunction(lambda: timezone.now().replace(minute=0, second=0, microsecond=0))


class AlertFactory(DjangoModelFactory):
    """Fires while less than 90 % of the AI runs of an hour pass."""

    class Meta:
        model = Alert

    name = factory.Sequence(lambda n: f"Alert {n}")
    is_enabled = True
    measure = "pass_rate"
    comparison = Alert.Comparison.BELOW
    threshold = 90.0
    window_hours = 1


class AlertFiringFactory(DjangoModelFactory):
    class Meta:
        model = AlertFiring

    alert = factory.SubFactory(AlertFactory)
    began_at = datetime(2026, 3, 2, 10, tzinfo=UTC)
    why = "pass_rate is 50 of 4, below 90, over 1 hour"


class RunRollupFactory(DjangoModelFactory):
    """One hour each, as folding nothing would leave it."""

    class Meta:
        model = RunRollup

    grain = RunRollup.Grain.HOUR
    slice = RunRollup.Slice.ALL
    type = TestRun.Type.AI
    period = factory.Sequence(lambda n: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=n))

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> RunRollup:
        rollup: RunRollup = model_class.objects.create(**dict.fromkeys(MEASURES, 0) | kwargs)
        return rollup


class FeatureFlagFactory(DjangoModelFactory):
    class Meta:
        model = FeatureFlag
        django_get_or_create = ("key",)

    key = factory.Iterator([FeatureFlag.Key.PIPELINE_LOGGING_ENABLED, FeatureFlag.Key.MONITORING_API_ENABLED])
    value = "on"


class FlagRuleFactory(DjangoModelFactory):
    class Meta:
        model = FlagRule

    key = FeatureFlag.Key.MONITORING_API_ENABLED
    position = factory.Sequence(lambda n: n + 1)
    who = FlagRule.Who.USER
    user = factory.SubFactory(UserFactory)
    value = "on"
    reason = "trying it out"


class ReviewFeedbackFactory(DjangoModelFactory):
    class Meta:
        model = ReviewFeedback

    reviewer = "reviewer@example.org"


class GroundTruthFactory(DjangoModelFactory):
    class Meta:
        model = GroundTruth

    scope = "layout_split"
    reference_id = factory.Sequence(lambda n: f"page-{n}")
    version = 1
    data = factory.LazyFunction(lambda: {"parts": []})


class GroundTruthSetFactory(DjangoModelFactory):
    class Meta:
        model = GroundTruthSet

    key = factory.Sequence(lambda n: f"set_{n}")
    name = factory.LazyAttribute(lambda row: row.key.replace("_", " ").capitalize())


class GroundTruthSetItemFactory(DjangoModelFactory):
    class Meta:
        model = GroundTruthSetItem

    truth_set = factory.SubFactory(GroundTruthSetFactory)
    ground_truth = factory.SubFactory(GroundTruthFactory)
    scope = factory.SelfAttribute("ground_truth.scope")
    reference_id = factory.SelfAttribute("ground_truth.reference_id")


class ReviewQueueFactory(DjangoModelFactory):
    class Meta:
        model = ReviewQueue

    key = factory.Sequence(lambda n: f"queue_{n}")
    name = factory.LazyAttribute(lambda row: row.key.replace("_", " ").capitalize())


class ReviewQuestionFactory(DjangoModelFactory):
    class Meta:
        model = ReviewQuestion

    queue = factory.SubFactory(ReviewQueueFactory)
    key = factory.Sequence(lambda n: f"question_{n}")
    label = factory.LazyAttribute(lambda row: row.key.replace("_", " ").capitalize())


class ReviewItemFactory(DjangoModelFactory):
    """An IR artifact that waits in a queue."""

    class Meta:
        model = ReviewItem

    queue = factory.SubFactory(ReviewQueueFactory)
    kind = ReviewItem.Kind.IR_ARTIFACT
    target_id = factory.LazyFunction(lambda: IRArtifactFactory().pk)
    step_run = factory.LazyAttribute(lambda row: _step_run_of(row.target_id))
    title = factory.Sequence(lambda n: f"Item {n}")
    answers_needed = factory.LazyAttribute(lambda row: row.queue.reviewers_per_item)
    free_slots = factory.LazyAttribute(lambda row: row.answers_needed)


class ReviewAssignmentFactory(DjangoModelFactory):
    """A slot that was given back; ``feedback.services`` makes those that are held."""

    class Meta:
        model = ReviewAssignment

    item = factory.SubFactory(ReviewItemFactory)
    reviewer = factory.SubFactory(UserFactory)
    slot = 1
    state = ReviewAssignment.State.RELEASED
    claimed_at = factory.LazyFunction(timezone.now)


class ReviewAnswerFactory(DjangoModelFactory):
    """The one answer that its item needed."""

    class Meta:
        model = ReviewAnswer

    assignment = factory.SubFactory(
        ReviewAssignmentFactory, state=ReviewAssignment.State.SUBMITTED, item__state="done", item__free_slots=0
    )
    verdict = ReviewAnswer.Verdict.ACCEPT
    duration_ms = 1000


class JudgeFactory(DjangoModelFactory):
    """A judge that asks ``echo``."""

    class Meta:
        model = Judge

    key = factory.Sequence(lambda n: f"judge_{n}")
    name = factory.LazyAttribute(lambda row: row.key.replace("_", " ").capitalize())
    prompt = factory.SubFactory(AIPromptFactory, content="Rate {{ inputs.output }}")


class JudgementFactory(DjangoModelFactory):
    class Meta:
        model = Judgement

    judge = factory.SubFactory(JudgeFactory)
    kind = ReviewItem.Kind.IR_ARTIFACT
    target_id = factory.LazyFunction(lambda: IRArtifactFactory().pk)
    step_run = factory.LazyAttribute(lambda row: _step_run_of(row.target_id))
    outcome = Judgement.Outcome.SCORED
    score = 0.9
    passed = factory.LazyAttribute(lambda row: None if row.score is None else row.judge.passes(row.score))
    reason = "It is all there."
    calls = 1


def _step_run_of(artifact_id: Any) -> StepRun | None:
    artifact = IRArtifact.objects.select_related("step_run").filter(pk=artifact_id).first()
    return artifact.step_run if artifact else None


class EvaluationFactory(DjangoModelFactory):
    """One that is under way, without items."""

    class Meta:
        model = Evaluation

    truth_set = factory.SubFactory(GroundTruthSetFactory)
    version = factory.SubFactory(PipelineVersionFactory)


class EvaluationItemFactory(DjangoModelFactory):
    class Meta:
        model = EvaluationItem

    evaluation = factory.SubFactory(EvaluationFactory)
    ground_truth = factory.SubFactory(GroundTruthFactory)
    reference = factory.LazyAttribute(lambda row: row.ground_truth.reference_id)


class ActivationGateFactory(DjangoModelFactory):
    class Meta:
        model = ActivationGate

    pipeline = factory.SubFactory(PipelineDefinitionFactory)
    truth_set = factory.SubFactory(GroundTruthSetFactory)
