"""The conductor's tables, one module a group."""

from pipelines.models.ai import AIProcess, AIPrompt, Embedding, ModelPrice, PromptData, PromptResult
from pipelines.models.definitions import (
    ConcurrencyPool,
    PipelineDefinition,
    PipelineVersion,
    StepDefinition,
    StepVersion,
)
from pipelines.models.designs import DesignSplit, GeneratedArtifact, ModuleTemplate, SplitAsset, ValidationResult
from pipelines.models.runs import PipelineRun, StepLog, StepOutputLink, StepRun
from pipelines.models.schedules import PipelineSchedule

__all__ = [
    "AIProcess",
    "AIPrompt",
    "ConcurrencyPool",
    "DesignSplit",
    "Embedding",
    "GeneratedArtifact",
    "ModelPrice",
    "ModuleTemplate",
    "PipelineDefinition",
    "PipelineRun",
    "PipelineSchedule",
    "PipelineVersion",
    "PromptData",
    "PromptResult",
    "SplitAsset",
    "StepDefinition",
    "StepLog",
    "StepOutputLink",
    "StepRun",
    "StepVersion",
    "ValidationResult",
]
