"""What can be made of schemas and documents: proposals, examples, and versions in other languages."""

import json
from collections.abc import Sequence
from typing import Any

from config.problems import InvalidInput
from ir_schemas.errors import NotDerivable
from ir_schemas.examples import NoExampleError, example_document
from ir_schemas.exporting import ExportError, to_pydantic, to_strict_subset, to_typescript
from ir_schemas.inference import NothingToInferError, infer_schema
from ir_schemas.models import AbstractIRSchema
from ir_schemas.validation import Schema, SchemaFault

TARGETS = ("typescript", "pydantic", "strict")


def infer(documents: Sequence[Any], *, closed: bool = False) -> Schema:
    """A schema that all the documents are valid under. Raises ``InvalidInput`` where there are none."""
    try:
        return infer_schema(documents, closed=closed)
    except NothingToInferError as error:
        raise InvalidInput(str(error)) from error


def example(version: AbstractIRSchema) -> Any:
    """A document that is valid under the version. Raises ``NotDerivable``."""
    try:
        return example_document(version.schema)
    except (NoExampleError, SchemaFault) as error:
        raise NotDerivable(str(error)) from error


def export(version: AbstractIRSchema, target: str) -> dict[str, Any]:
    """``{target, text, losses, wrapped}``. Raises ``InvalidInput`` for an unknown target and ``NotDerivable``."""
    if target not in TARGETS:
        raise InvalidInput(f"There is no export to {target[:40]!r}. Use one of {', '.join(TARGETS)}.")
    try:
        return {"target": target, **_export(version, target)}
    except (ExportError, SchemaFault) as error:
        raise NotDerivable(str(error)) from error


def _export(version: AbstractIRSchema, target: str) -> dict[str, Any]:
    if target == "strict":
        subset = to_strict_subset(version.schema)
        text = json.dumps(subset.schema, indent=2, ensure_ascii=False)
        return {"text": text, "losses": subset.losses, "wrapped": subset.wrapped}
    convert = to_typescript if target == "typescript" else to_pydantic
    exported = convert(version.schema, name=str(version))
    return {"text": exported.text, "losses": exported.losses, "wrapped": False}
