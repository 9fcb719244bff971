"""Which provider a name stands for."""

import os
from functools import lru_cache
from importlib import import_module

from django.conf import settings

from config.ai_providers import BUILT_IN, ProviderSettings
from pipelines.ai.providers.deterministic import Deterministic
from pipelines.ai.providers.protocol import Provider, ProviderError

CLASSES = {
    "openai": ("pipelines.ai.providers.openai_compatible", "OpenAICompatible"),
    "anthropic": ("pipelines.ai.providers.anthropic_messages", "Anthropic"),
}


def provider_names() -> list[str]:
    """The names that a step may ask for."""
    return [BUILT_IN, *settings.AI_PROVIDERS]


def provider(name: str) -> Provider:
    """Raises ``ProviderError`` for a name that is not in the settings, and where its key or its library is missing."""
    if name == BUILT_IN:
        return Deterministic()
    found = settings.AI_PROVIDERS.get(name)
    if found is None:
        known = ", ".join(provider_names())
        raise ProviderError(
            "provider-unknown", f"There is no provider {name!r}. Known are {known}; AI_PROVIDERS names them."
        )
    key = os.environ.get(found.key_variable, "") if found.key_variable else ""
    if found.key_variable and not key:
        raise ProviderError(
            "provider-key-missing", f"{found.key_variable} is not set in the environment, and {name} needs it."
        )
    return _made(found, key)


@lru_cache(maxsize=32)
def _made(found: ProviderSettings, key: str) -> Provider:
    module, name = CLASSES[found.kind]
    try:
        made = getattr(import_module(module), name)
    except ImportError as error:
        message = f"{found.name} needs the package {found.kind}. Install it: bin/setup --extras. ({error})"
        raise ProviderError("provider-not-installed", message) from error
    provider: Provider = made(found, key)
    return provider
