"""What a view that reads a body answers, on a view of the tests' own as the rules hold for all."""

import gzip
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.exceptions import SuspiciousOperation
from django.urls import path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from config.problems import DomainError


class ItemSerializer(serializers.Serializer[Any]):
    size = serializers.IntegerField(max_value=5)


class OrderSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=3)
    items = ItemSerializer(many=True)


class OrderView(APIView):
    permission_classes = ()
    authentication_classes = ()

    def post(self, request: Request) -> Response:
        order = OrderSerializer(data=request.data)
        order.is_valid(raise_exception=True)
        if order.validated_data["name"] == "bad":
            raise SuspiciousOperation("a secret detail")
        if order.validated_data["name"] == "no":
            raise DomainError("We are closed. Come back on Monday.", errors=[{"message": "closed"}])
        return Response(order.validated_data)


urlpatterns = [path("api/orders", OrderView.as_view())]
handler500 = "config.error_handlers.server_error"
pytestmark = pytest.mark.urls(__name__)


def post(body: str, content_type: str = "application/json") -> Any:
    return APIClient().post("/api/orders", body, content_type=content_type)


def order(name: str) -> str:
    return f'{{"name": "{name}", "items": []}}'


def test_a_good_body_passes() -> None:
    assert post(order("ok")).json() == {"name": "ok", "items": []}


def test_every_fault_of_a_body_is_listed_with_its_place() -> None:
    answer = post('{"name": "far too long", "items": [{"size": 1}, {"size": 9}]}')

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert [(error["path"], error["code"]) for error in answer.json()["errors"]] == [
        ("/name", "max-length"),
        ("/items/1/size", "max-value"),
    ]


@pytest.mark.parametrize("body", ["{", "", "[" * 100_000, '{"name": "\\u0000"}', "[1, 2]", '"x"', "null"])
def test_a_body_that_cannot_be_read_is_a_bad_request(body: str) -> None:
    assert post(body).status_code == 400


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x"])
def test_a_body_of_another_type_is_unsupported(content_type: str) -> None:
    answer = post("x", content_type)

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-media-type")


@pytest.mark.parametrize("encoding", ["gzip", "br", "gzip, identity"])
def test_a_body_that_is_packed_is_refused_with_words(encoding: str) -> None:
    packed = gzip.compress(order("ok").encode())
    answer = APIClient().generic(
        "POST", "/api/orders", packed, content_type="application/json", headers={"Content-Encoding": encoding}
    )

    assert (answer.status_code, answer.json()["code"]) == (415, "compression-unknown")
    assert encoding in answer.json()["detail"]


def test_a_number_without_end_is_refused_in_words_for_its_sender() -> None:
    answer = post("9" * 5000)

    assert answer.status_code == 400
    assert answer.json()["detail"] == "The body is not JSON: a number has more than 4300 digits"


def test_a_body_past_the_limit_is_too_large(settings: LazySettings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    answer = post(order("x" * 200))

    assert (answer.status_code, answer.json()["code"]) == (413, "payload-too-large")
    assert "100 bytes" in answer.json()["detail"]


def test_a_refusal_of_a_service_keeps_its_words() -> None:
    answer = post(order("no"))

    assert (answer.status_code, answer.json()["code"]) == (409, "refused")
    assert answer.json()["detail"] == "We are closed. Come back on Monday."
    assert answer.json()["errors"] == [{"message": "closed"}]


def test_what_django_finds_suspicious_is_a_bad_request_without_the_reason() -> None:
    answer = post(order("bad"))

    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")
    assert b"secret" not in answer.content
