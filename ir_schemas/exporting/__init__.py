"""A schema in other words: TypeScript, Pydantic models, and the strict subset of structured-output APIs.

Each export says what the other form can't: the sentences in `losses` name every keyword that is no longer enforced.
"""

from ir_schemas.exporting.losses import Export, ExportError
from ir_schemas.exporting.pydantic import to_pydantic
from ir_schemas.exporting.strict import StrictSubset, to_strict_subset
from ir_schemas.exporting.typescript import to_typescript

__all__ = ["Export", "ExportError", "StrictSubset", "to_pydantic", "to_strict_subset", "to_typescript"]
