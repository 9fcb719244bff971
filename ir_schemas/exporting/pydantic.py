"""Pydantic models of a schema, by datamodel-code-generator (the extra `export`)."""

from __future__ import annotations

import json
from typing import Any

from ir_schemas.exporting.losses import Export, ExportError, Losses, check_exportable, type_name
from ir_schemas.shapes import (
    ANNOTATIONS,
    SCHEMA_KEYWORDS,
    SCHEMA_LIST_KEYWORDS,
    SCHEMA_MAP_KEYWORDS,
    Json,
    Schema,
    subschemas,
)

MISSING = "Pydantic models need the package datamodel-code-generator. Install it: bin/setup --extras."
UNENFORCED = frozenset(
    {"contains", "dependentRequired", "dependentSchemas", "if", "maxContains", "maxProperties", "minContains",
     "minProperties", "not", "patternProperties", "prefixItems", "propertyNames", "unevaluatedItems",
     "unevaluatedProperties", "uniqueItems"}
)  # fmt: skip
PASSED_ON = SCHEMA_KEYWORDS | SCHEMA_LIST_KEYWORDS | SCHEMA_MAP_KEYWORDS | (ANNOTATIONS - {"$comment", "examples"}) | {
    "$anchor", "$ref", "const", "enum", "exclusiveMaximum", "exclusiveMinimum", "format", "maxItems", "maxLength",
    "maximum", "minItems", "minLength", "minimum", "multipleOf", "pattern", "required", "type", "uniqueItems",
}  # fmt: skip


def to_pydantic(schema: Schema, *, name: str = "Document") -> Export:
    """Python source with one Pydantic 2 model for each object, the outermost called `name`.

    Raises ExportError where the extra is missing, the schema is too large or the generator gives up, and SchemaFault
    where the schema is not valid.
    """
    check_exportable(schema)
    losses = Losses()
    for pointer, node in subschemas(schema):
        for keyword in sorted(UNENFORCED & node.keys()) if isinstance(node, dict) else ():
            losses.note(pointer, f"`{keyword}` is not enforced by the models")
        if isinstance(node, dict) and "oneOf" in node:
            losses.note(pointer, "`oneOf` is a plain union, so several branches may hold at once")
    return Export(_generate(_known_keywords_only(schema), type_name(name)), losses.sentences())


def _generate(schema: Schema, name: str) -> str:
    try:
        from datamodel_code_generator import InputFileType, PythonVersion, generate
        from datamodel_code_generator.enums import DataModelType
        from datamodel_code_generator.format import Formatter
    except ImportError:
        raise ExportError(MISSING) from None
    try:
        source = generate(
            json.dumps(schema),
            input_file_type=InputFileType.JsonSchema,
            input_filename="schema.json",
            output_model_type=DataModelType.PydanticV2BaseModel,
            target_python_version=PythonVersion.PY_311,
            class_name=name,
            disable_timestamp=True,
            use_standard_collections=True,
            use_union_operator=True,
            use_annotated=True,
            field_constraints=True,
            use_schema_description=True,
            allow_remote_refs=False,
            formatters=[Formatter.BUILTIN],
        )
    except Exception as error:  # the generator lets out whatever went wrong inside it
        raise ExportError(f"The model generator could not handle this schema: {str(error)[:200]}") from error
    if not isinstance(source, str):
        raise ExportError("The model generator wanted to write several files; give the schema one set of `$defs`.")
    return source.rstrip() + "\n"


def _known_keywords_only(schema: Json) -> Json:
    """The schema without keywords of other people: the generator takes some as instructions (imports, base classes)."""
    if not isinstance(schema, dict):
        return schema
    return {keyword: _value(keyword, value) for keyword, value in schema.items() if keyword in PASSED_ON}


def _value(keyword: str, value: Any) -> Any:
    if keyword in SCHEMA_KEYWORDS:
        return _known_keywords_only(value)
    if keyword in SCHEMA_LIST_KEYWORDS and isinstance(value, list):
        return [_known_keywords_only(item) for item in value]
    if keyword in SCHEMA_MAP_KEYWORDS and isinstance(value, dict):
        return {name: _known_keywords_only(item) for name, item in value.items()}
    return value
