"""Who answers prompts: the deterministic provider, and those that ``AI_PROVIDERS`` names."""

from pipelines.ai.providers.protocol import Answer, Counts, Message, Provider, ProviderError, Question
from pipelines.ai.providers.registry import provider, provider_names

__all__ = [
    "Answer",
    "Counts",
    "Message",
    "Provider",
    "ProviderError",
    "Question",
    "provider",
    "provider_names",
]
