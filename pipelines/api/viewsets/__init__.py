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
from pipelines.api.viewsets.runs import PipelineRunViewSet, StepRunViewSet
from pipelines.api.viewsets.schedules import PipelineScheduleViewSet

__all__ = [
    "DesignSplitViewSet",
    "EvaluationViewSet",
    "GeneratedArtifactViewSet",
    "ModuleTemplateViewSet",
    "PipelineRunViewSet",
    "PipelineScheduleViewSet",
    "PipelineVersionViewSet",
    "PipelineViewSet",
    "SplitAssetViewSet",
    "StepRunViewSet",
    "ValidationResultViewSet",
]
