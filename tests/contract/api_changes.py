"""What a new description of the API takes back from those who were written for the old one."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ir_schemas.compatibility import compare

Document = Mapping[str, Any]
REF = re.compile(r'"#/components/schemas/([^"]+)"')


def taken_back(old: Document, new: Document) -> list[str]:
    """A sentence for each operation, parameter, body or answer of ``old`` that ``new`` lacks or narrows.

    Requests may only become wider: whatever was valid stays valid. Successful answers may only become narrower:
    whatever is answered now is valid by the old description, so that nothing promised goes missing.
    """
    return [sentence for path, method in _operations(old) for sentence in _of_operation(old, new, path, method)]


def _operations(document: Document) -> list[tuple[str, str]]:
    return [(path, method) for path, item in document["paths"].items() for method in item]


def _of_operation(old: Document, new: Document, path: str, method: str) -> Iterator[str]:
    name = f"{method.upper()} {path}"
    before, now = old["paths"][path][method], _by_shape(new).get(_shape(path), {}).get(method)
    if now is None:
        yield f"{name} is gone"
        return
    for fault in (
        *_parameters(old, new, before, now),
        *_body(old, new, before.get("requestBody"), now.get("requestBody")),
        *_answers(old, new, before["responses"], now["responses"]),
    ):
        yield f"{name}: {fault}"


def _taken(parameter: Document) -> Any:
    """What a parameter could be. An address with an empty text, or U+0000, was always refused, described so or not."""
    plain = parameter["in"] == "query" and parameter["schema"] == {"type": "string"}
    return {"type": "string", "pattern": r"^[^\u0000]+$"} if plain else parameter["schema"]


def _by_shape(document: Document) -> dict[str, Any]:
    return {_shape(path): item for path, item in document["paths"].items()}


def _shape(path: str) -> str:
    """A path without the names of its parts, which callers never write."""
    return re.sub(r"\{\w+\}", "{}", path)


def _parameters(old: Document, new: Document, before: Document, now: Document) -> Iterator[str]:
    earlier = {(each["in"], each["name"]): each for each in before.get("parameters", [])}
    present = {(each["in"], each["name"]): each for each in now.get("parameters", [])}
    for key, parameter in earlier.items():
        if key not in present and key[0] != "path":
            yield f"the parameter {key[1]} is gone"
        elif key in present and not _accepts(_whole(new, present[key]["schema"]), _whole(old, _taken(parameter))):
            yield f"the parameter {key[1]} takes fewer values"
    for key, parameter in present.items():
        if key[0] != "path" and parameter.get("required") and not earlier.get(key, {}).get("required"):
            yield f"the parameter {key[1]} is now required"


def _body(old: Document, new: Document, before: Document | None, now: Document | None) -> Iterator[str]:
    if now is None:
        return
    if now.get("required") and not (before or {}).get("required"):
        yield "a body is now required"
    for media_type, content in (before or {"content": {}})["content"].items():
        present = now["content"].get(media_type)
        if present is None or not _accepts(_whole(new, present["schema"]), _whole(old, content["schema"])):
            yield f"the body takes less as {media_type}"


def _answers(old: Document, new: Document, before: Document, now: Document) -> Iterator[str]:
    for status, answer in before.items():
        if status >= "400":
            continue
        for media_type, content in answer.get("content", {}).items():
            present = now.get(status, {}).get("content", {}).get(media_type)
            if present is None or not _accepts(_whole(old, content["schema"]), _whole(new, present["schema"])):
                yield f"the answer {status} as {media_type} no longer gives what it gave"


def _accepts(reader: Any, writer: Any) -> bool:
    return compare(writer, reader).backward.status == "compatible"


def _whole(document: Document, schema: Any) -> Any:
    """The schema with what it refers to inside it."""
    schemas = document["components"]["schemas"]
    text, names, waiting = json.dumps(schema), set[str](), REF.findall(json.dumps(schema))
    while waiting:
        name = waiting.pop()
        if name not in names:
            names.add(name)
            waiting += REF.findall(json.dumps(schemas[name]))
    definitions = json.dumps({name: schemas[name] for name in sorted(names)})
    whole = json.loads(REF.sub(r'"#/$defs/\1"', text))
    return {**whole, "$defs": json.loads(REF.sub(r'"#/$defs/\1"', definitions))} if names else whole
