"""The shape of a DAG document: it is JSON data, not too large, and as its schema says."""

import json
import math
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import jsonschema_rs

from pipelines.dag.problems import MAX_PROBLEMS, DagError, Problems, did_you_mean, pointer, shorten

MAX_DEPTH = 32
MAX_VALUES = 500_000
MAX_PARAMS_BYTES = 100_000

SCHEMA_PATH = Path(__file__).parent.parent / "schemas" / "dag.json"


@cache
def dag_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a DAG document."""
    schema: dict[str, Any] = json.loads(SCHEMA_PATH.read_text("utf-8"))
    return schema


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(dag_schema())


def check_shape(document: object, problems: Problems) -> dict[str, Any]:
    """Add every fault of shape and give the document back, which by now has a list of nodes.

    Raises ``DagError`` at once where looking further would be of no use.
    """
    _check_json(document, problems)
    problems.raise_if_any()
    if not _validator().is_valid(document):
        for error in islice(_validator().iter_errors(document), MAX_PROBLEMS + 1):
            _add_schema_error(error, problems)
    if not isinstance(document, dict) or not isinstance(document.get("nodes"), list):
        raise DagError(problems)
    _check_params(document["nodes"], problems)
    return document


def _check_json(document: object, problems: Problems) -> None:
    """Refuse what isn't JSON data, what PostgreSQL can't store, and what is too deep or too large to look at."""
    stack: list[tuple[object, str, int]] = [(document, "", 0)]
    seen = 0
    while stack and not problems.full():
        value, path, depth = stack.pop()
        seen += 1
        if seen > MAX_VALUES:
            problems.add("", "document-too-large", f"The document holds more than {MAX_VALUES:,} values.")
            return
        if depth > MAX_DEPTH:
            problems.add(path, "document-too-deep", f"Values are nested more than {MAX_DEPTH} deep.")
            return
        if isinstance(value, dict):
            for name, inner in value.items():
                inner_path = path + pointer(shorten(str(name)))
                _check_scalar(name if isinstance(name, str) else object(), inner_path, problems)
                stack.append((inner, inner_path, depth + 1))
        elif isinstance(value, list):
            stack.extend((inner, f"{path}/{index}", depth + 1) for index, inner in enumerate(value))
        else:
            _check_scalar(value, path, problems)


def _check_scalar(value: object, path: str, problems: Problems) -> None:
    if value is None or isinstance(value, bool | int):
        return
    if isinstance(value, float):
        if not math.isfinite(value):
            problems.add(path, "not-json", "NaN and infinity are not JSON numbers.")
    elif isinstance(value, str):
        if "\x00" in value or not _is_unicode(value):
            problems.add(path, "text-not-storable", "Text can't hold NUL characters or lone surrogates.")
    else:
        problems.add(path, "not-json", f"{type(value).__name__} is not JSON data.")


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _add_schema_error(error: jsonschema_rs.ValidationError, problems: Problems) -> None:
    path = pointer(*error.instance_path)
    kind = error.kind.as_dict()
    name = error.kind.name
    if name == "additionalProperties":
        allowed = _properties_at(error.schema_path)
        for unexpected in kind["unexpected"][: MAX_PROBLEMS + 1]:
            hint = did_you_mean(unexpected, allowed) or f"Known fields: {', '.join(sorted(allowed))}."
            problems.add(path + pointer(unexpected), "unknown-field", f"{shorten(unexpected)!r} is not a field.", hint)
    else:
        code, message = _SCHEMA_MESSAGES.get(name, ("invalid-value", "{value} is not accepted here."))
        problems.add(path, code, message.format(**_words(error, kind)), _hint(error, kind))


_SCHEMA_MESSAGES = {
    "anyOf": ("edge-end-missing", "An edge needs two ends: 'from' and 'to' (or 'fromKey' and 'toKey')."),
    "enum": ("unknown-choice", "{value} is not one of {options}."),
    "maxItems": ("too-many", "There are more than {limit:,} entries."),
    "maxLength": ("too-long", "The text is longer than {limit:,} characters."),
    "maxProperties": ("too-many", "There are more than {limit:,} entries."),
    "maximum": ("out-of-range", "{value} is above {limit:,}."),
    "minItems": ("too-few", "At least {limit} is needed."),
    "minLength": ("too-short", "The text is empty."),
    "minimum": ("out-of-range", "{value} is below {limit:,}."),
    "pattern": ("bad-format", "{value} is not written as it should be: {description}"),
    "required": ("field-missing", "{property!r} is missing."),
    "type": ("wrong-type", "{value} is not of type {types}."),
}
"""The code and the message for each keyword of JSON Schema."""


def _words(error: jsonschema_rs.ValidationError, kind: dict[str, Any]) -> dict[str, Any]:
    """What the messages are made of."""
    instance: Any = error.instance
    return {
        **kind,
        "value": "This" if isinstance(instance, dict | list) else shorten(json.dumps(instance, ensure_ascii=False)),
        "options": ", ".join(str(option) for option in kind.get("options", ()) if option is not None),
        "types": " or ".join(kind.get("types", ())),
        "description": _schema_at(error.schema_path).get("description", ""),
    }


def _hint(error: jsonschema_rs.ValidationError, kind: dict[str, Any]) -> str:
    """What a field that is missing or empty would say."""
    field = _schema_at(error.schema_path)
    if error.kind.name == "required":
        field = field["properties"][kind["property"]]
    return str(field.get("description", "")) if error.kind.name in ("required", "minLength") else ""


def _schema_at(path: list[str | int]) -> dict[str, Any]:
    """The subschema that holds the keyword at the end of ``path``; jsonschema-rs gives paths with references solved."""
    schema: Any = dag_schema()
    for part in path[:-1]:
        schema = schema[part]
    return dict(schema)


def _properties_at(path: list[str | int]) -> list[str]:
    return list(_schema_at(path).get("properties", {}))


def _check_params(nodes: list[Any], problems: Problems) -> None:
    for index, node in enumerate(nodes):
        for field in ("params", "config"):
            value = node.get(field) if isinstance(node, dict) else None
            if value and len(json.dumps(value)) > MAX_PARAMS_BYTES:
                message = f"{field!r} is larger than {MAX_PARAMS_BYTES:,} bytes of JSON."
                problems.add(
                    pointer("nodes", index, field), "too-large", message, "Put large data in the run's inputs."
                )
