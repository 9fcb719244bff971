"""Media types beside JSON."""

from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import BaseRenderer


class BytesRenderer(BaseRenderer):
    """Bytes, passed on as they are."""

    charset = None
    render_style = "binary"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> Any:
        return data


class ZipRenderer(BytesRenderer):
    media_type = "application/zip"
    format = "zip"


class PictureRenderer(BytesRenderer):
    media_type = "image/*"
    format = "picture"


class PageRenderer(BytesRenderer):
    """HTML that was made elsewhere."""

    media_type = "text/html"
    format = "html"


class LinesRenderer(BytesRenderer):
    """JSON, one document a line."""

    media_type = "application/x-ndjson"
    format = "jsonl"
