"""OTLP's attributes as Python and JSON values."""

import math
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from rest_framework.exceptions import ParseError

from config.parsers import read_json

Attributes = Mapping[str, Any]


def as_dict(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    """The attributes by key; of two with one key the later counts."""
    return {one.key: value_of(one.value) for one in attributes}


def value_of(value: AnyValue) -> Any:
    """Its JSON value. Bytes become base64, and numbers that JSON does not have, their names."""
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "int_value":
            return value.int_value
        case "double_value":
            number = value.double_value
            return number if math.isfinite(number) else str(number)
        case "array_value":
            return [value_of(one) for one in value.array_value.values]
        case "kvlist_value":
            return as_dict(value.kvlist_value.values)
        case "bytes_value":
            return b64encode(value.bytes_value).decode()
        case _:
            return None


def first(attributes: Attributes, *names: str) -> Any:
    """The value under the first of the names that has one."""
    return next((attributes[name] for name in names if attributes.get(name) not in (None, "")), None)


def text(value: Any) -> str | None:
    """A text as it is, a number as its digits, nothing for the rest."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def count(value: Any) -> int | None:
    """A whole number that is not negative, also where it came as a text or a double."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        return int(value)
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return int(value) if whole and not isinstance(value, bool) and value >= 0 else None


def parsed(value: Any) -> Any:
    """The JSON that a text holds, where that is an object or a list; else the value itself.

    Structured attributes came to OpenTelemetry late, so most senders put JSON into a text.
    """
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return read_json(value.encode(), only_storable=True)
    except ParseError:
        return value
