"""Stored pictures, served to the admin alone."""

from pathlib import PurePosixPath

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404

CONTENT_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}


def is_picture(name: str) -> bool:
    """Whether the stored name is one of a picture that a browser may show; SVG can carry scripts and is not."""
    return PurePosixPath(name).suffix.lower() in CONTENT_TYPES


def picture_response(name: str) -> FileResponse:
    """The stored picture. Raises ``Http404`` where it is gone."""
    try:
        file = default_storage.open(name)
    except (FileNotFoundError, IsADirectoryError, SuspiciousFileOperation) as error:
        raise Http404("The picture is no longer stored.") from error
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, max-age=3600",
    }
    return FileResponse(file, content_type=CONTENT_TYPES[PurePosixPath(name).suffix.lower()], headers=headers)
