"""A module as it looks, for a frame that can do nothing but show it."""

import base64
import html
import logging
import mimetypes
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urljoin

from django.http import Http404, HttpResponse

from pipelines.designs.assets import bundle_path, page_references, same_origin, stylesheet_references
from pipelines.models import DesignSplit

logger = logging.getLogger(__name__)

# The module's HTML came from outside. The frame's sandbox and this policy hold each without the other: no scripts,
# no requests, no forms, no links to follow. Pictures can only be shown from within the page.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
# What neither governs: a link can open a connection ahead (preconnect) or look a name up, and a browser opens one to
# the address of a frame, or of a link that is pressed, before the policy stops it. The names of tags and attributes
# stand in the text as they are, so no parser is needed to find them. In place of the tags stands one without looks.
LOADING = "link|meta|base|i?frame|frameset|fencedframe|portal|object|embed"
LOADING_TAG = re.compile(rf"<(?:{LOADING})(?=[\s/>])", re.IGNORECASE)
INERT_TAG = "<wbr"
ADDRESS = re.compile(r"href(?=\s*=)(?!\s*=[\"']?(?:#|data:))", re.IGNORECASE)
NO_ADDRESS = 'href="#" data-href'
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Module preview</title><style>body {{ margin: 0; font-family: sans-serif }} img {{ max-width: 100% }}</style>
<style>{css}</style></head>
<body>{html}</body></html>"""
NOWHERE = "https://design.invalid/"
MAX_PICTURE_BYTES = 1_000_000
MAX_PICTURES_BYTES = 8_000_000


def preview_response(ir: Any, design: DesignSplit | None) -> HttpResponse:
    """The page for a module's IR, with the pictures of its design. Raises ``Http404`` for an IR that is no module."""
    module = ir.get("module") if isinstance(ir, Mapping) else None
    if not isinstance(module, Mapping) or not isinstance(ir.get("renderedHtml"), str):
        raise Http404("There is no module to show.")
    markup, css = ir["renderedHtml"], str(module.get("css", ""))
    for url, data in _pictures(markup, css, design):
        markup = _with_picture(markup, url, data)
        css = _with_picture(css, url, data)
    return HttpResponse(
        PAGE.format(css=css.replace("</", "<\\/"), html=_without_addresses(markup)),
        headers={
            "X-DNS-Prefetch-Control": "off",
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "SAMEORIGIN",
            "Referrer-Policy": "no-referrer",
        },
    )


def _without_addresses(markup: str) -> str:
    """The same looks, and nothing that a browser opens a connection for; inner references and pictures stay."""
    return ADDRESS.sub(NO_ADDRESS, LOADING_TAG.sub(INERT_TAG, markup))


def _pictures(markup: str, css: str, design: DesignSplit | None) -> list[tuple[str, str]]:
    """Each picture that the design's own bundle holds: its URL as written, and the picture as a ``data:`` URL."""
    if design is None:
        return []
    references = [*page_references(markup).references, *stylesheet_references(css)]
    try:
        with design.bundle.open("rb") as file, zipfile.ZipFile(file) as archive:
            return list(_from_archive(archive, design, {reference.url for reference in references}))
    except (OSError, zipfile.BadZipFile):
        logger.warning("The bundle of design %s cannot be read; its previews have no pictures", design.pk)
        return []


def _from_archive(archive: zipfile.ZipFile, design: DesignSplit, urls: Iterable[str]) -> Iterator[tuple[str, str]]:
    sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    left = MAX_PICTURES_BYTES
    for url in sorted(urls):
        path = _path_in_bundle(design, url)
        kind = mimetypes.guess_type(path)[0] or ""
        size = sizes.get(path)
        if size is None or size > min(left, MAX_PICTURE_BYTES) or not kind.startswith("image/"):
            continue
        left -= size
        yield url, f"data:{kind};base64,{base64.b64encode(archive.read(path)).decode()}"


def _path_in_bundle(design: DesignSplit, url: str) -> str:
    """Where the bundle holds what a URL on the design's page names; empty for another origin."""
    base = urljoin(design.base_url or NOWHERE, design.entry)
    try:
        whole = urljoin(base, url)
        return bundle_path(whole) if same_origin(whole, base) else ""
    except ValueError:
        return ""


def _with_picture(text: str, url: str, data: str) -> str:
    """``text`` with the URL replaced wherever it stands as a whole: in quotes, or in a bare ``url()``."""
    for written in {url, html.escape(url)}:
        for before, after in (('"', '"'), ("'", "'"), ("(", ")")):
            text = text.replace(f"{before}{written}{after}", f"{before}{data}{after}")
    return text
