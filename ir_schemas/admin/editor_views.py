"""What the editor asks for while somebody types: problems at their lines, a document's verdict, an example."""

import json
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse

from config.json_html import pretty_json
from config.problems import DomainError, InvalidInput, PayloadTooLarge, problem
from ir_schemas.admin.permissions import may
from ir_schemas.admin.problems import DOCUMENT_TEXT, check_texts, refuse_unusable
from ir_schemas.examples import NoExampleError, example_document
from ir_schemas.validation import JsonFault, SchemaFault

MOST_BYTES = 2 * DOCUMENT_TEXT.max_bytes + 100_000


def check(admin: Any, request: HttpRequest) -> HttpResponse:
    """``{schema, document}``, both texts, to ``{problems, usable, document}``."""
    return _answer(admin, request, lambda texts: check_texts(texts["schema"], texts["document"]))


def example(admin: Any, request: HttpRequest) -> HttpResponse:
    """``{schema}``, a text, to ``{text}``: a document that is valid under it."""
    return _answer(admin, request, lambda texts: {"text": _example(texts["schema"])})


def _answer(admin: Any, request: HttpRequest, make: Any) -> HttpResponse:
    if not (may(request, "view", admin.model) or may(request, "add", admin.model)):
        raise PermissionDenied
    if request.method != "POST":
        return problem(HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", "Send the texts with POST.")
    try:
        return JsonResponse(make(_texts(request)))
    except DomainError as error:
        return problem(error.status, error.code, error.message)


def _texts(request: HttpRequest) -> dict[str, str]:
    """The two texts of the body, empty where left out. Raises ``PayloadTooLarge`` and ``InvalidInput``."""
    if int(request.headers.get("Content-Length") or 0) > MOST_BYTES:
        raise PayloadTooLarge("The texts are too large to be checked while typing: 1 MB each is the most.")
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("Send a JSON object with the texts `schema` and `document`.") from error
    texts = {name: body.get(name) or "" for name in ("schema", "document")} if isinstance(body, dict) else {}
    if not texts or not all(isinstance(text, str) for text in texts.values()):
        raise InvalidInput("Send a JSON object with the texts `schema` and `document`.")
    return texts


def _example(text: str) -> str:
    try:
        return pretty_json(example_document(refuse_unusable(text)))
    except (JsonFault, SchemaFault) as error:
        raise InvalidInput("The schema has errors. Mend them first.") from error
    except NoExampleError as error:
        raise InvalidInput(str(error)) from error
