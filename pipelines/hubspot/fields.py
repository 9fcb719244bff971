"""Build and check ``fields.json`` and ``meta.json``.

A field is plain JSON data as HubSpot reads it; the builders here give it the properties every field carries. Default
shapes follow HubSpot's reference of module fields.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import jsonschema_rs

Field = dict[str, Any]
MAX_GROUP_DEPTH = 3
MAX_PROBLEMS = 50
# Methods of dictionaries, which a strict reader of HubL may take `card.items` for. Fields should not be named so.
RESERVED_NAMES = frozenset({"get", "items", "keys", "pop", "put", "size", "update", "values"})

_SCHEMAS = Path(__file__).with_name("schemas")


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with a field: ``place`` is a path of names (``cards.title``) or of JSON keys."""

    place: str
    message: str


def build_field(kind: str, name: str, label: str, default: Any, **properties: Any) -> Field:
    """A field of type ``kind``; ``properties`` are further ones, such as ``help_text`` and ``children``."""
    return {
        "name": name,
        "label": label,
        "type": kind,
        "required": False,
        "locked": False,
        **properties,
        "default": default,
    }


def build_repeater(name: str, label: str, children: Sequence[Field], values: Sequence[Any], **properties: Any) -> Field:
    """A group that repeats, with ``values`` (one dictionary of field values for each item) as its default."""
    occurrence = {"min": None, "max": None, "sorting_label_field": None, "default": len(values)}
    return build_field("group", name, label, list(values), occurrence=occurrence, children=list(children), **properties)


def image_value(
    src: str, alt: str, *, width: int | None = None, height: int | None = None, loading: str | None = None
) -> dict[str, Any]:
    """The value of an image field; with both measures its size is exact."""
    value: dict[str, Any] = {
        "src": src,
        "alt": alt,
        "size_type": "exact" if width and height else "auto",
        "loading": loading if loading in ("lazy", "eager") else "disabled",
    }
    if width is not None:
        value["width"] = width
    if height is not None:
        value["height"] = height
    return value


def url_value(href: str) -> dict[str, Any]:
    """The value of a URL field; an e-mail address loses its ``mailto:``, as HubSpot keeps it."""
    if href.lower().startswith("mailto:") and "?" not in href:
        return {"content_id": None, "type": "EMAIL_ADDRESS", "href": href[len("mailto:") :]}
    return {"content_id": None, "type": "EXTERNAL", "href": href}


def link_value(href: str, *, open_in_new_tab: bool = False, no_follow: bool = False) -> dict[str, Any]:
    return {"url": url_value(href), "open_in_new_tab": open_in_new_tab, "no_follow": no_follow}


def form_value() -> dict[str, Any]:
    """A form field that no form was chosen for yet."""
    return {"response_type": "inline", "message": "Thanks for submitting the form."}


def default_values(fields: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What ``module`` holds on a page where nothing was edited: each field's default by name.

    A group's own default wins over those of its children, which fill what it leaves out.
    """
    return {field["name"]: _default_value(field) for field in fields}


def _default_value(field: Mapping[str, Any]) -> Any:
    default = field.get("default")
    if field.get("type") != "group":
        return default
    children = default_values(field.get("children", ()))
    if field.get("occurrence"):
        items = default if isinstance(default, list) else []
        return [{**children, **item} if isinstance(item, dict) else item for item in items]
    return {**children, **default} if isinstance(default, dict) else children


def leaf_paths(fields: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """The path of every field that is no group, as ``HublTemplate.reads`` takes it."""
    for field in fields:
        if field.get("type") == "group":
            for path in leaf_paths(field.get("children", ())):
                yield (field["name"], *path)
        else:
            yield (field["name"],)


@cache
def schema(name: Literal["fields", "meta"]) -> dict[str, Any]:
    """Our 2020-12 schema of ``fields.json`` or ``meta.json``."""
    loaded: dict[str, Any] = json.loads((_SCHEMAS / f"{name}.json").read_text())
    return loaded


def check_fields(fields: Any) -> list[FieldProblem]:
    """What is wrong with a parsed ``fields.json``, at most 50 problems: shape, or else names, depth, defaults."""
    problems = _schema_problems("fields", fields)
    if not problems:
        problems = list(islice(_group_problems(fields, (), 0), MAX_PROBLEMS))
    return problems


def check_meta(meta: Any) -> list[FieldProblem]:
    """What is wrong with the shape of a parsed ``meta.json``."""
    return _schema_problems("meta", meta)


@cache
def _validator(name: Literal["fields", "meta"]) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema(name))


def _schema_problems(name: Literal["fields", "meta"], instance: Any) -> list[FieldProblem]:
    validator = _validator(name)
    try:
        if validator.is_valid(instance):
            return []
    except ValueError:
        return [FieldProblem("", f"{name}.json nests too deeply")]
    errors = islice(validator.iter_errors(instance), MAX_PROBLEMS)
    return [FieldProblem(".".join(map(str, error.instance_path)), error.message[:500]) for error in errors]


def _group_problems(fields: Sequence[Field], parents: tuple[str, ...], depth: int) -> Iterator[FieldProblem]:
    seen: set[str] = set()
    for field in fields:
        name = field["name"]
        place = ".".join((*parents, name))
        if name in seen:
            yield FieldProblem(place, "two fields of one group have this name; rename one")
        seen.add(name)
        if field["type"] != "group":
            continue
        if depth >= MAX_GROUP_DEPTH:
            yield FieldProblem(place, f"groups nest more than {MAX_GROUP_DEPTH} deep")
        yield from _default_problems(field, place)
        yield from _group_problems(field["children"], (*parents, name), depth + 1)


def _default_problems(group: Field, place: str) -> Iterator[FieldProblem]:
    default = group.get("default")
    repeats = bool(group.get("occurrence"))
    if default and isinstance(default, list) != repeats:
        yield FieldProblem(place, "a repeating group takes a list as its default, any other group an object")
        return
    known = {child["name"] for child in group["children"]}
    for item in default if isinstance(default, list) else [default or {}]:
        unknown = sorted(set(item) - known) if isinstance(item, dict) else []
        if unknown:
            yield FieldProblem(place, f"the default sets {', '.join(unknown)[:200]}, which the group has no field for")
