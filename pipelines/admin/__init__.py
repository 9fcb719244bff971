"""The conductor's admin pages, one module a group."""

from pipelines.admin import ai, definitions, designs, runs

__all__ = ["ai", "definitions", "designs", "runs"]
