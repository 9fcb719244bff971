"""The keywords of draft 2020-12, by how they reach other schemas.

Tables only: what a walk over a schema needs to know, in one place for the explainer, the cost bounds and the linter.
"""

# Keywords whose subschemas see the same value, by the shape they hold them in.
IN_PLACE_SCHEMA = ("not", "if", "then", "else")
IN_PLACE_LIST = ("allOf", "anyOf", "oneOf")
IN_PLACE_MAP = ("dependentSchemas",)
REFERENCES = ("$ref", "$dynamicRef")
IN_PLACE = frozenset((*IN_PLACE_SCHEMA, *IN_PLACE_LIST, *IN_PLACE_MAP, *REFERENCES))

# Keywords whose subschemas see a part of the value.
PART_SCHEMA = (
    "additionalProperties",
    "propertyNames",
    "items",
    "contains",
    "unevaluatedProperties",
    "unevaluatedItems",
)
PART_LIST = ("prefixItems",)
PART_MAP = ("properties", "patternProperties")

APPLY_SCHEMA = frozenset((*IN_PLACE_SCHEMA, *PART_SCHEMA))
APPLY_LIST = frozenset((*IN_PLACE_LIST, *PART_LIST))
APPLY_MAP = frozenset((*IN_PLACE_MAP, *PART_MAP))

# Keywords that only keep schemas for others to refer to, or that never assert.
SHELF_SCHEMA = ("contentSchema",)
SHELF_MAP = ("$defs", "definitions")

HOLDS_SCHEMA = APPLY_SCHEMA | set(SHELF_SCHEMA)
HOLDS_LIST = APPLY_LIST
HOLDS_MAP = APPLY_MAP | set(SHELF_MAP)

# Keywords that judge a value without any other schema.
ASSERTIONS = (
    "type",
    "enum",
    "const",
    "multipleOf",
    "maximum",
    "exclusiveMaximum",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "format",
    "maxItems",
    "minItems",
    "uniqueItems",
    "maxProperties",
    "minProperties",
    "required",
    "dependentRequired",
)

ANNOTATIONS = (
    "$anchor",
    "$comment",
    "$dynamicAnchor",
    "$id",
    "$schema",
    "$vocabulary",
    "contentEncoding",
    "contentMediaType",
    "default",
    "deprecated",
    "description",
    "examples",
    "maxContains",
    "minContains",
    "readOnly",
    "title",
    "writeOnly",
)

TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")

ALL = HOLDS_SCHEMA | HOLDS_LIST | HOLDS_MAP | {*ASSERTIONS, *ANNOTATIONS, *REFERENCES}

DIALECT = "https://json-schema.org/draft/2020-12/schema"
