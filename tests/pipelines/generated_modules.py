"""``module_generate`` IRs for the tests of what comes after it."""

from typing import Any

FIELD = {"name": "headline", "label": "Headline", "type": "text", "default": "Hello", "inline_help_text": "The title."}
META = {
    "label": "Hero banner",
    "global": False,
    "host_template_types": ["PAGE"],
    "is_available_for_new_content": True,
    "icon": "icons/hero.svg",
}


def generated(rendered: str = "<p>Hello</p>", *, kind: str = "content", **module: Any) -> dict[str, Any]:
    """The IR of one module that is in order, with what is given in place of its own parts."""
    meta = {**META, **module.pop("meta", {})}
    tokens = module.pop("tokens", {"total": 1, "fromFields": 1})
    folder = {
        "name": "hero",
        "label": meta["label"],
        "html": "<p>{{ module.headline }}</p>",
        "css": "",
        "js": "",
        "fields": [FIELD],
        "meta": meta,
    }
    return {
        "irVersion": "1.0",
        "partKey": "hero",
        "kind": kind,
        "module": {**folder, **module},
        "sourceHtml": rendered,
        "renderedHtml": rendered,
        "tokens": tokens,
        "generator": {"name": "deterministic", "version": "1"},
    }
