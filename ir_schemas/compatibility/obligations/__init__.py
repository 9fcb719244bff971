"""What each keyword of the right-hand schema asks of every document of a shape.

Each function answers True only for a proof. Keywords that bind another kind of document ask nothing of the shape.
"""

from ir_schemas.compatibility.obligations import arrays, combinations, objects, scalars
from ir_schemas.compatibility.obligations.binding import Obligation

UNMODELLED = frozenset({"$dynamicRef", "$recursiveRef"})

OBLIGATIONS: dict[str, Obligation] = {
    "$ref": combinations.ref,
    "additionalProperties": objects.additional_properties,
    "allOf": combinations.all_of,
    "anyOf": combinations.any_of,
    "const": combinations.listing,
    "contains": arrays.contains,
    "dependentRequired": objects.dependent_required,
    "dependentSchemas": objects.dependent_schemas,
    "enum": combinations.listing,
    "exclusiveMaximum": scalars.below,
    "exclusiveMinimum": scalars.above,
    "format": scalars.format_,
    "if": combinations.if_,
    "items": arrays.items,
    "maxItems": scalars.at_most("maxItems", "array"),
    "maxLength": scalars.at_most("maxLength", "string"),
    "maxProperties": scalars.at_most("maxProperties", "object"),
    "maximum": scalars.below,
    "minItems": scalars.at_least("minItems", "array"),
    "minLength": scalars.at_least("minLength", "string"),
    "minProperties": scalars.at_least("minProperties", "object"),
    "minimum": scalars.above,
    "multipleOf": scalars.multiple_of,
    "not": combinations.not_,
    "oneOf": combinations.one_of,
    "pattern": scalars.pattern,
    "patternProperties": objects.pattern_properties,
    "prefixItems": arrays.prefix_items,
    "properties": objects.properties,
    "propertyNames": objects.property_names,
    "required": objects.required,
    "type": combinations.type_,
    "unevaluatedItems": arrays.unevaluated_items,
    "unevaluatedProperties": objects.unevaluated_properties,
    "uniqueItems": arrays.unique_items,
}
