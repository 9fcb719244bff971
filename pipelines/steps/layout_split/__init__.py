"""``layout_split``: a design in, its parts out."""

from pipelines.steps.layout_split.step import layout_split

__all__ = ["layout_split"]
