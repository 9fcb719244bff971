"""A module's label, icon, category and what else ``meta.json`` says of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.hubspot.fields import Field


@dataclass(frozen=True, slots=True)
class _Kind:
    label: str
    category: str
    icon: str


_KINDS = {
    "header": _Kind("Site header", "body_content", "Bars:SOLID"),
    "hero": _Kind("Hero banner", "design", "Flag:SOLID"),
    "features": _Kind("Features section", "body_content", "List:SOLID"),
    "content": _Kind("Content section", "text", "Align%20Left:SOLID"),
    "gallery": _Kind("Picture gallery section", "media", "Images:SOLID"),
    "testimonials": _Kind("Testimonials section", "social", "Comments:SOLID"),
    "pricing": _Kind("Pricing section", "commerce", "Tags:SOLID"),
    "faq": _Kind("Questions and answers section", "text", "Question%20Circle:SOLID"),
    "cta": _Kind("Call to action section", "forms_and_buttons", "Bullhorn:SOLID"),
    "form": _Kind("Form section", "forms_and_buttons", "Envelope:SOLID"),
    "team": _Kind("Team section", "social", "Users:SOLID"),
    "logos": _Kind("Logo wall section", "media", "Certificate:SOLID"),
    "stats": _Kind("Figures section", "body_content", "Chart%20Bar:SOLID"),
    "footer": _Kind("Site footer", "body_content", "Window%20Minimize:SOLID"),
    "other": _Kind("Page section", "body_content", "Columns:SOLID"),
}
_ICON_SET = "fontawesome-5.14.0"
_CONTENT_TYPES = ["LANDING_PAGE", "SITE_PAGE", "BLOG_LISTING", "BLOG_POST"]
_LONGEST_HEADING = 60


def module_label(kind: str, heading: str | None, fields: Sequence[Field]) -> str:
    """What editors see in the module list: the kind, what is in it, and its heading; no digits, as HubSpot's
    marketplace asks."""
    label = _kind(kind).label
    parts = [part for part in _composition(fields) if part not in label.lower()][:3]
    if parts:
        label += f" with {parts[0] if len(parts) == 1 else ' and '.join((', '.join(parts[:-1]), parts[-1]))}"
    words = " ".join(re.sub(r"[^\w\s'’&-]|[\d_]", " ", heading or "").split())
    if len(words) > _LONGEST_HEADING:
        words = words[:_LONGEST_HEADING].rsplit(" ", 1)[0]
    return f"{label}: {words}" if words else label


def module_meta(kind: str, label: str, description: str) -> dict[str, Any]:
    about = _kind(kind)
    return {
        "label": label,
        "icon": f"{_ICON_SET}:{about.icon}",
        "categories": [about.category],
        "content_types": list(_CONTENT_TYPES),
        "host_template_types": ["PAGE", "BLOG_LISTING", "BLOG_POST"],
        "inline_help_text": description[:300],
        "global": False,
        "is_available_for_new_content": True,
        "smart_type": "NOT_SMART",
        "css_assets": [],
        "js_assets": [],
        "other_assets": [],
        "tags": [],
    }


def module_category(kind: str) -> str:
    return _kind(kind).category


def describe(kind: str, fields: Sequence[Field]) -> str:
    """A sentence for the module's help and the template library."""
    groups = [field["label"].lower() for field in fields if field.get("occurrence")]
    lists = f" Add, remove or reorder its {' and '.join(groups[:2])}." if groups else ""
    return f"{_kind(kind).label} that was made from a design; its texts, images and links can be edited.{lists}"


def count_fields(fields: Sequence[Field]) -> int:
    return sum(1 + count_fields(field.get("children", ())) for field in fields)


def complexity(fields: Sequence[Field]) -> str:
    count = count_fields(fields)
    return "simple" if count <= 8 else "moderate" if count <= 25 else "complex"


def _kind(kind: str) -> _Kind:
    return _KINDS.get(kind, _KINDS["other"])


def _composition(fields: Sequence[Field]) -> list[str]:
    """What is worth naming, repeated groups first."""
    groups = [re.sub(r" \d+$", "", field["label"]).lower() for field in fields if field.get("occurrence")]
    groups = ["repeating entries" if group == "entries" else group for group in groups]
    kinds = {field["type"] for field in fields}
    names = {field["name"] for field in fields}
    parts = list(dict.fromkeys(groups))
    if "heading" in names:
        parts.append("heading")
    if "form" in kinds:
        parts.append("form")
    if "image" in kinds:
        parts.append("image")
    if "richtext" in kinds or names & {"text", "paragraph"}:
        parts.append("text")
    return parts
