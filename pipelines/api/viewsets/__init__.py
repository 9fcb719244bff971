"""The conductor's endpoints: the frozen reads of the existing tables, pipelines and their versions, and runs."""

from pipelines.api.viewsets.definitions import PipelineVersionViewSet, PipelineViewSet
from pipelines.api.viewsets.designs import (
    DesignSplitViewSet,
    GeneratedArtifactViewSet,
    ModuleTemplateViewSet,
    SplitAssetViewSet,
    ValidationResultViewSet,
)
from pipelines.api.viewsets.runs import PipelineRunViewSet, StepRunViewSet

__all__ = [
    "DesignSplitViewSet",
    "GeneratedArtifactViewSet",
    "ModuleTemplateViewSet",
    "PipelineRunViewSet",
    "PipelineVersionViewSet",
    "PipelineViewSet",
    "SplitAssetViewSet",
    "StepRunViewSet",
    "ValidationResultViewSet",
]
