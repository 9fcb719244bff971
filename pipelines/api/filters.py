"""What the lists can be narrowed by."""

from typing import Any

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field

from config.filters import TextFilter
from feedback.models import Evaluation
from pipelines.models import DesignSplit, GeneratedArtifact, PipelineRun, StepRun, ValidationResult


@extend_schema_field({"type": "string", "enum": ["true", "false"]})
class FlagFilter(filters.TypedChoiceFilter):  # type: ignore[misc]
    """``true`` or ``false``, and nothing else."""

    def __init__(self, **options: Any) -> None:
        choices = [("true", "true"), ("false", "false")]
        super().__init__(choices=choices, coerce=lambda text: text == "true", **options)


class DesignSplitFilter(filters.FilterSet):  # type: ignore[misc]
    status = filters.ChoiceFilter(choices=DesignSplit.Status.choices)
    kind = filters.ChoiceFilter(choices=DesignSplit.Kind.choices)
    designUploadId = filters.UUIDFilter(field_name="design_upload_id")


class SplitAssetFilter(filters.FilterSet):  # type: ignore[misc]
    splitId = filters.UUIDFilter(field_name="split_id")
    projectId = filters.UUIDFilter(field_name="project_id")
    kind = TextFilter()


class ModuleTemplateFilter(filters.FilterSet):  # type: ignore[misc]
    name = TextFilter()
    category = TextFilter()


class GeneratedArtifactFilter(filters.FilterSet):  # type: ignore[misc]
    designSplitId = filters.UUIDFilter(field_name="design_split_id")
    moduleId = filters.UUIDFilter(field_name="module_id")
    type = TextFilter()
    status = filters.ChoiceFilter(choices=GeneratedArtifact.Status.choices)


class ValidationResultFilter(filters.FilterSet):  # type: ignore[misc]
    artifactId = filters.UUIDFilter(field_name="artifact_id")
    designSplitId = filters.UUIDFilter(field_name="design_split_id")
    validator = TextFilter()
    status = filters.ChoiceFilter(choices=ValidationResult.Status.choices)


class PipelineRunFilter(filters.FilterSet):  # type: ignore[misc]
    pipeline = TextFilter(field_name="pipeline__key", help_text="The pipeline's key.")
    status = filters.ChoiceFilter(choices=PipelineRun.Status.choices)
    designSplitId = filters.UUIDFilter(field_name="design_split_id")
    runGroupId = filters.UUIDFilter(field_name="run_group_id")
    rerunOf = filters.UUIDFilter(field_name="rerun_of_id")


class PipelineScheduleFilter(filters.FilterSet):  # type: ignore[misc]
    pipeline = TextFilter(field_name="pipeline__key", help_text="The pipeline's key.")
    enabled = FlagFilter()


class EvaluationFilter(filters.FilterSet):  # type: ignore[misc]
    set = TextFilter(field_name="truth_set__key", help_text="The set's key.")
    pipeline = TextFilter(field_name="version__pipeline__key", help_text="The pipeline's key.")
    status = filters.ChoiceFilter(choices=Evaluation.Status.choices)
    outcome = filters.ChoiceFilter(choices=Evaluation.Outcome.choices)


class ActivationGateFilter(filters.FilterSet):  # type: ignore[misc]
    set = TextFilter(field_name="truth_set__key", help_text="The set's key.")
    pipeline = TextFilter(field_name="pipeline__key", help_text="The pipeline's key.")
    process = TextFilter(field_name="process__key", help_text="The process's key.")
    enabled = FlagFilter()


class AIPromptFilter(filters.FilterSet):  # type: ignore[misc]
    process = TextFilter(field_name="process__key", help_text="The process's key.")
    active = FlagFilter(field_name="is_active")


class StepRunFilter(filters.FilterSet):  # type: ignore[misc]
    pipelineRunId = filters.UUIDFilter(field_name="pipeline_run_id")
    nodeKey = TextFilter(field_name="node_key")
    status = filters.ChoiceFilter(choices=StepRun.Status.choices)


class StepLogFilter(filters.FilterSet):  # type: ignore[misc]
    attempt = filters.NumberFilter(min_value=1, max_value=32_767)
    after = filters.UUIDFilter(field_name="pk", lookup_expr="gt", help_text="The id of the last line that is known.")


class PoolFilter(filters.FilterSet):  # type: ignore[misc]
    key = TextFilter()
