"""The providers of AI answers that an installation may reach, as ``AI_PROVIDERS`` names them.

Addresses and keys come from the environment alone: rows can only choose among the names, so nobody who edits a prompt
can send its contents, or a key, anywhere else.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

BUILT_IN = "echo"
KINDS = {
    "openai": ("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "anthropic": ("https://api.anthropic.com", "ANTHROPIC_API_KEY"),
}
FIELDS = {
    "kind": str,
    "baseUrl": str,
    "keyVariable": str,
    "model": str,
    "pricedAs": str,
    "structuredOutputs": bool,
    "maxTokensAs": str,
}
MAX_TOKENS_AS = ("max_completion_tokens", "max_tokens")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,79}\Z")


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """``kind`` is the API it speaks; ``key_variable`` the environment variable that holds its key, or empty for none.

    ``model`` is asked where a step names none. ``priced_as`` is the provider whose prices are its own.
    ``max_tokens_as`` is the name under which a server of the kind ``openai`` knows the most tokens of an answer.
    """

    name: str
    kind: Literal["openai", "anthropic"]
    base_url: str
    key_variable: str
    model: str = ""
    priced_as: str = ""
    structured_outputs: bool = True
    max_tokens_as: str = MAX_TOKENS_AS[0]


def read_providers(text: str) -> dict[str, ProviderSettings]:
    """``{"openai": {"kind": "openai", "model": "…"}, …}`` as settings by name; empty for an empty text.

    Raises ``ImproperlyConfigured``, with the place, for anything else.
    """
    if not text.strip():
        return {}
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ImproperlyConfigured(f"AI_PROVIDERS is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ImproperlyConfigured('AI_PROVIDERS must be an object: {"openai": {"kind": "openai"}}.')
    return {name: _provider(name, entry) for name, entry in document.items()}


def _provider(name: str, entry: Any) -> ProviderSettings:
    where = f"AI_PROVIDERS, {name!r}"
    if not _NAME.match(name) or name == BUILT_IN:
        raise ImproperlyConfigured(f"{where}: a name is lower case, at most 80 characters, and not {BUILT_IN!r}.")
    if not isinstance(entry, dict) or entry.get("kind") not in list(KINDS):
        raise ImproperlyConfigured(f"{where}: kind must be one of {', '.join(KINDS)}.")
    for key, value in entry.items():
        if key not in FIELDS:
            raise ImproperlyConfigured(f"{where}: there is no {key!r}; known are {', '.join(FIELDS)}.")
        if not isinstance(value, FIELDS[key]):
            raise ImproperlyConfigured(f"{where}: {key} must be a {FIELDS[key].__name__}.")
    kind = entry["kind"]
    base_url, key_variable = KINDS[kind]
    address = entry.get("baseUrl", base_url)
    if urlsplit(address).scheme not in ("http", "https") or not urlsplit(address).hostname:
        raise ImproperlyConfigured(f"{where}: baseUrl must be an http or https address, not {address!r}.")
    max_tokens_as = entry.get("maxTokensAs", MAX_TOKENS_AS[0])
    if max_tokens_as not in MAX_TOKENS_AS:
        raise ImproperlyConfigured(f"{where}: maxTokensAs must be one of {', '.join(MAX_TOKENS_AS)}.")
    return ProviderSettings(
        name=name,
        kind=kind,
        base_url=address,
        key_variable=entry.get("keyVariable", key_variable),
        model=entry.get("model", ""),
        priced_as=entry.get("pricedAs", name),
        structured_outputs=entry.get("structuredOutputs", True),
        max_tokens_as=max_tokens_as,
    )
