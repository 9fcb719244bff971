"""Schemas taken apart for reasoning: nodes (places in documents) and shapes (plain conjunctions of one kind)."""

from ir_schemas.shapes.discriminators import Discriminator
from ir_schemas.shapes.evaluation import evaluators, in_place
from ir_schemas.shapes.expansion import expand, narrow
from ir_schemas.shapes.nodes import (
    ANNOTATIONS,
    NOTHING,
    SCHEMA_KEYWORDS,
    SCHEMA_LIST_KEYWORDS,
    SCHEMA_MAP_KEYWORDS,
    Json,
    Node,
    NodePool,
    Schema,
    any_of,
    inline,
    matches,
    negation,
    subschemas,
)
from ir_schemas.shapes.sampling import Sampler
from ir_schemas.shapes.shape import ALWAYS_MATCHING, KINDS, Bound, Shape, declared_member, exact, kind_of

__all__ = [
    "ALWAYS_MATCHING", "ANNOTATIONS", "KINDS", "NOTHING", "SCHEMA_KEYWORDS", "SCHEMA_LIST_KEYWORDS",
    "SCHEMA_MAP_KEYWORDS", "Bound", "Discriminator", "Json", "Node", "NodePool", "Sampler", "Schema", "Shape", "any_of",
    "declared_member", "evaluators", "exact", "expand", "in_place", "inline", "kind_of", "matches",
    "narrow", "negation", "subschemas",
]  # fmt: skip
