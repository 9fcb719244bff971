"""A module as it looks, for a frame that can do nothing but show it."""

from collections.abc import Mapping
from typing import Any

from django.http import Http404, HttpResponse

# The module's HTML came from outside. The frame's sandbox and this policy hold each without the other: no scripts,
# no requests, no forms, no links to follow.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Module preview</title><style>body {{ margin: 0; font-family: sans-serif }} img {{ max-width: 100% }}</style>
<style>{css}</style></head>
<body>{html}</body></html>"""


def preview_response(ir: Any) -> HttpResponse:
    """The page for a module's IR. Raises ``Http404`` for an IR that is none, or was pruned."""
    module = ir.get("module") if isinstance(ir, Mapping) else None
    if not isinstance(module, Mapping) or not isinstance(ir.get("renderedHtml"), str):
        raise Http404("There is no module to show.")
    css = str(module.get("css", "")).replace("</", "<\\/")
    return HttpResponse(
        PAGE.format(css=css, html=ir["renderedHtml"]),
        headers={
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "SAMEORIGIN",
            "Referrer-Policy": "no-referrer",
        },
    )
