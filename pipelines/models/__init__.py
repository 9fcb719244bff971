"""The conductor's tables, one module a group."""

from pipelines.models.ai import AIProcess, AIPrompt, Embedding, PromptData, PromptResult
from pipelines.models.definitions import PipelineDefinition, PipelineVersion, StepDefinition, StepVersion
from pipelines.models.designs import DesignSplit, GeneratedArtifact, ModuleTemplate, SplitAsset, ValidationResult
from pipelines.models.runs import PipelineRun, StepOutputLink, StepRun

__all__ = [
    "AIProcess",
    "AIPrompt",
    "DesignSplit",
    "Embedding",
    "GeneratedArtifact",
    "ModuleTemplate",
    "PipelineDefinition",
    "PipelineRun",
    "PipelineVersion",
    "PromptData",
    "PromptResult",
    "SplitAsset",
    "StepDefinition",
    "StepOutputLink",
    "StepRun",
    "StepVersion",
    "ValidationResult",
]
