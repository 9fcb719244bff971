"""The conductor's admin pages, one module a group."""

from pipelines.admin import (
    ai,
    curation,
    definitions,
    designs,
    embeddings,
    evaluations,
    filling,
    gates,
    judges,
    runs,
    schedules,
)

__all__ = [
    "ai",
    "curation",
    "definitions",
    "designs",
    "embeddings",
    "evaluations",
    "filling",
    "gates",
    "judges",
    "runs",
    "schedules",
]
