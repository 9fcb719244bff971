"""What holds for every request, before and after its view."""

import re
from collections.abc import Callable
from http import HTTPStatus
from io import BytesIO
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.middleware.common import CommonMiddleware
from django.utils.functional import SimpleLazyObject
from rest_framework.exceptions import AuthenticationFailed

from config import features
from config.authentication import ApiKeyAuthentication
from config.problems import problem

# The admin's Alpine evaluates expressions and its components carry inline styles.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; frame-ancestors 'self'; object-src 'none'; base-uri 'self'; form-action 'self'"
)
# Addresses that no route has and, with a slash to follow, could have.
NOWHERE = {"/api/": "/api/nothing-here", "/admin/": "/admin/nothing-here"}


class HostMiddleware(CommonMiddleware):
    """Refuses host names that are not ours, but for probes: whoever runs the site asks each process by its address."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        return None if request.path_info in settings.PROBES else super().process_request(request)


class ChunkedBodyMiddleware:
    """Reads a body that came in chunks, at most one byte more than any may have, and says how long it is.

    Django and Django REST framework take a body without ``Content-Length`` for none, so that it would be lost unsaid.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
            environ = getattr(request, "environ", None)
            if environ is not None and not environ.get("wsgi.input_terminated"):
                detail = "This server reads no body that comes in chunks. Send it whole, with its Content-Length."
                return problem(HTTPStatus.LENGTH_REQUIRED, "length-required", detail)
            source: Any = request if environ is None else environ["wsgi.input"]
            try:
                body = source.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
            except OSError:
                return problem(HTTPStatus.BAD_REQUEST, "bad-request", "The body could not be read to its end.")
            request.META["CONTENT_LENGTH"] = str(len(body))
            request.__dict__.update(_stream=BytesIO(body), _read_started=False)
        return self.get_response(request)


class ContentSecurityPolicyMiddleware:
    """Nothing is loaded from elsewhere; a view that needs less may set its own stricter policy first."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response


class ClosedRoutesMiddleware:
    """Has a route that is closed for who asks lead nowhere: the answer is that to an address that there never was.

    ``settings.CLOSED_ROUTES`` says which flag opens which addresses. Who asks, by session or key, is found out only
    where the flag has rules.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        # Whatever completes an address by its last slash would tell that there is one.
        flag = next((flag for begin, flag in settings.CLOSED_ROUTES.items() if re.match(begin, f"{path}/")), None)
        if flag is not None and not _is_open(request, flag):
            request.path_info = NOWHERE["/api/" if path.startswith("/api/") else "/admin/"]
        return self.get_response(request)


def _is_open(request: HttpRequest, flag: str) -> bool:
    if "Authorization" in request.headers:
        return features.is_on(flag, SimpleLazyObject(lambda: _who_asks(request)))
    return features.is_open(request, flag)  # which the menus of the page will ask again


def _who_asks(request: HttpRequest) -> Any:
    try:
        by_key = ApiKeyAuthentication().authenticate(request)
    except AuthenticationFailed:
        return AnonymousUser()
    return by_key[0] if by_key else request.user
