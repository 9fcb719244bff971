"""The endpoints of reviews."""

from http import HTTPStatus
from typing import Any, cast

from django.contrib.auth.models import User
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.mixins import CreateModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import ReadOnlyModelViewSet

from config import features
from feedback.api.filters import LegacyReviewFeedbackFilter, ReviewFeedbackFilter
from feedback.api.serializers import NewReviewFeedbackSerializer, ReviewFeedbackSerializer
from feedback.models import ReviewFeedback
from feedback.said import say

LEGACY_PARAMETERS = {*LegacyReviewFeedbackFilter.base_filters, "cursor", "pageSize"}


class ReviewFeedbackViewSet(CreateModelMixin, ReadOnlyModelViewSet[ReviewFeedback]):
    """What reviewers said of designs, artifacts and modules; in a queue, once an item takes no more answers."""

    queryset = ReviewFeedback.objects.all()
    lookup_value_converter = "uuid"
    serializer_class = ReviewFeedbackSerializer

    @property
    def filterset_class(self) -> type[LegacyReviewFeedbackFilter]:
        """The list is as old as the reads, so what it can be narrowed by stays what it was while review is off."""
        if getattr(self, "swagger_fake_view", False):
            return ReviewFeedbackFilter
        asks_for_more = not self.request.query_params.keys() <= LEGACY_PARAMETERS
        is_on = asks_for_more and features.is_on(features.REVIEW, self.request.user)
        return ReviewFeedbackFilter if is_on else LegacyReviewFeedbackFilter

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """The reads are as old as other software that knows them, so ``Allow`` stays what it was while review is off.

        With it on, too, where they are read and where a ``POST`` is refused.
        """
        given = super().finalize_response(request, response, *args, **kwargs)
        allowed = [name for name in given.headers.get("Allow", "").split(", ") if name != "POST"]
        if request.method in ("GET", "HEAD", "POST") or not features.is_on(features.REVIEW, request.user):
            given.headers["Allow"] = ", ".join(allowed)
        return given

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """No flag closes the address, as the reads are there always; so what is new about it closes itself."""
        super().initial(request, *args, **kwargs)
        if request.method == "POST" and not features.is_on(features.REVIEW, request.user):
            raise MethodNotAllowed("POST")

    def get_queryset(self) -> Any:
        return ReviewFeedback.objects.visible_to(self.request.user)

    @extend_schema(
        request=NewReviewFeedbackSerializer,
        responses={
            201: ReviewFeedbackSerializer,
            405: OpenApiResponse(description="`REVIEW_ENABLED` is off: `method-not-allowed`."),
        },
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Say something outside of a queue. No output stands behind it, so it does not become ground truth."""
        reading = NewReviewFeedbackSerializer(data=request.data)
        reading.is_valid(raise_exception=True)
        said = say(by=cast(User, request.user), **reading.validated_data)
        location = reverse("reviewfeedback-detail", args=[said.pk], request=request)
        return Response(self.get_serializer(said).data, status=HTTPStatus.CREATED, headers={"Location": location})
