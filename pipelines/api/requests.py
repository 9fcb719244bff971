"""What several endpoints do with a request and with a run that it started."""

from http import HTTPStatus
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Model, QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.mixins import UpdateModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.serializers import ModelSerializer, Serializer

from config.idempotency import HEADER
from pipelines.api.serializers.runs import PipelineRunSerializer
from pipelines.executors import carry_on
from pipelines.models import PipelineRun

Row = TypeVar("Row", bound=Model)
OPERATE = "pipelines.operate_pipelinerun"
IDEMPOTENCY_KEY = OpenApiParameter(
    HEADER, str, OpenApiParameter.HEADER, description="A quoted text. Repeated, the request starts no second run."
)


def read_body(serializer: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """What the serializer makes of the body. Raises DRF's ``ValidationError``."""
    reading = serializer(data=request.data)
    reading.is_valid(raise_exception=True)
    return dict(reading.validated_data)


def changed(row: Row, serializer: type[ModelSerializer[Row]], request: Request) -> Row:
    """The row with what the body gives, not saved yet. Raises DRF's ``ValidationError``."""
    reading = serializer(row, data=request.data, partial=True)
    reading.is_valid(raise_exception=True)
    for name, value in reading.validated_data.items():
        setattr(row, name, value)
    return row


class LockedChange(UpdateModelMixin):
    """A ``PATCH`` of a row that nobody else changes or deletes between its reading and its writing.

    The rows must be ``locked`` for it.
    """

    @transaction.atomic
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().partial_update(request, *args, **kwargs)

    def locked(self, rows: QuerySet[Row]) -> QuerySet[Row]:
        """The rows, to be locked where one of them is changed."""
        is_change = self.action == "partial_update"  # type: ignore[attr-defined]
        return rows.select_for_update(of=("self",)) if is_change else rows


def signed_in(request: Request) -> User:
    """The user, who has a permission and so is one."""
    assert isinstance(request.user, User)  # noqa: S101 - nobody else has a permission
    return request.user


def started(run: PipelineRun, request: Request) -> Response:
    """Have the run carried on, and answer 201 with it, or 200 where its key had started it before."""
    if not run.is_finished:
        carry_on(run.pk)
    location = reverse("pipelinerun-detail", args=[run.pk], request=request)
    status = HTTPStatus.OK if run.is_replay else HTTPStatus.CREATED
    return Response(PipelineRunSerializer(run).data, status=status, headers={"Location": location})
