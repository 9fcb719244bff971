"""The conductor's endpoints: the frozen reads of the existing tables, pipelines and their versions, and runs."""

from pipelines.api.viewsets.definitions import PipelineVersionViewSet, PipelineViewSet
from pipelines.api.viewsets.designs import (
    DesignSplitViewSet,
    GeneratedArtifactViewSet,
    ModuleTemplateViewSet,
    SplitAssetViewSet,
    ValidationResultViewSet,
)
from pipelines.api.viewsets.evaluations import EvaluationViewSet
from pipelines.api.viewsets.gates import ActivationGateViewSet
from pipelines.api.viewsets.pools import ConcurrencyPoolViewSet
from pipelines.api.viewsets.prompts import AIPromptViewSet
from pipelines.api.viewsets.runs import PipelineRunViewSet, StepLogViewSet, StepRunViewSet
from pipelines.api.viewsets.schedules import PipelineScheduleViewSet

__all__ = [
    "AIPromptViewSet",
    "ActivationGateViewSet",
    "ConcurrencyPoolViewSet",
    "DesignSplitViewSet",
    "EvaluationViewSet",
    "GeneratedArtifactViewSet",
    "ModuleTemplateViewSet",
    "PipelineRunViewSet",
    "PipelineScheduleViewSet",
    "PipelineVersionViewSet",
    "PipelineViewSet",
    "SplitAssetViewSet",
    "StepLogViewSet",
    "StepRunViewSet",
    "ValidationResultViewSet",
]
