"""The API's own description: OpenAPI 3.1, generated from the views, with every problem that an operation can answer."""

from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from config.authentication import ApiKeyAuthentication
from config.problems import PROBLEM_TYPE

PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details. `code` is stable; `detail` is for people and may change.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "code": {"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["message"],
                "properties": {
                    "path": {"type": "string", "description": "JSON Pointer, or the parameter's name."},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
BODY = {"content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}}
COMMON = {
    HTTPStatus.BAD_REQUEST: ("BadRequest", "A value or a parameter cannot be used; `errors` lists which."),
    HTTPStatus.UNAUTHORIZED: ("Unauthorized", "There is no valid key or session."),
    HTTPStatus.FORBIDDEN: ("Forbidden", "The user lacks the permission."),
    HTTPStatus.NOT_FOUND: ("NotFound", "There is no such thing."),
    HTTPStatus.NOT_ACCEPTABLE: ("NotAcceptable", "The Accept header leaves no type that this can answer."),
    HTTPStatus.CONFLICT: ("Conflict", "Another request has just made what this one was to make: `already-there`."),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("ContentTooLarge", "The body is too large."),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: ("UnsupportedMediaType", "The body is of a type that this does not read."),
}


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How API keys are described."""

    target_class = ApiKeyAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key, made in the admin or by create_api_key.",
        }


class DescriptionView(SpectacularAPIView):
    """The OpenAPI document, as YAML or JSON by the Accept header; no parameter changes it."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(description())


@cache
def description() -> dict[str, Any]:
    """The OpenAPI document. It follows from the code alone, and drawing it up takes a third of a second."""
    generator: Any = SchemaGenerator
    document: dict[str, Any] = generator().get_schema(request=None, public=True)
    return document


def document_problems(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: give each operation the problems that follow from its form.

    A view documents only what is its own, such as a refusal, with a description; the body is filled in here.
    """
    components = result["components"]
    components.setdefault("schemas", {})["ProblemDetails"] = PROBLEM
    components["responses"] = {name: {"description": about, **BODY} for name, about in COMMON.values()}
    for path, item in result["paths"].items():
        for operation in item.values():
            operation["responses"] = _with_problems(path, operation)
    return result


def let_any_json_be_null(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """A hook of drf-spectacular, which describes a nullable field of any JSON as "anything or else null".

    Null is both, and so would be valid for neither.
    """
    waiting: list[Any] = [result]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if value.get("oneOf") == [{}, {"type": "null"}]:
                del value["oneOf"]
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return result


def _with_problems(path: str, operation: dict[str, Any]) -> dict[str, Any]:
    own = {
        status: response | BODY if status >= "400" else response for status, response in operation["responses"].items()
    }
    common = {
        str(status.value): {"$ref": f"#/components/responses/{COMMON[status][0]}"}
        for status in _expected(path, operation)
    }
    return dict(sorted((common | own).items()))


def _expected(path: str, operation: dict[str, Any]) -> Iterator[HTTPStatus]:
    yield from (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_ACCEPTABLE)
    if any(parameter["in"] == "query" for parameter in operation.get("parameters", [])):
        yield HTTPStatus.BAD_REQUEST
    if "requestBody" in operation:
        yield from (HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT)
        yield from (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    if "{" in path or "requestBody" in operation:
        yield HTTPStatus.NOT_FOUND
