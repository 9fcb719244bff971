"""Making ground truth of reviews, over HTTP."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config import features
from config.permissions import holds
from feedback.api.ground_truth import GroundTruthSerializer
from feedback.models import ReviewFeedback
from feedback.permissions import CURATE
from pipelines.api.requests import signed_in
from pipelines.review.curation import curate


class CurateView(APIView):
    """Make the output that this review accepted or corrected the next version of its ground truth.

    Curating it again answers with the version that it made.
    """

    permission_classes = (holds(CURATE),)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Its address begins as that of the legacy reads, which no flag closes, so it closes itself."""
        features.require(features.REVIEW, request.user if request.user.is_authenticated else None)
        super().initial(request, *args, **kwargs)

    @extend_schema(operation_id="review_feedback_curate", request=None, responses={201: GroundTruthSerializer})
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        feedback = get_object_or_404(ReviewFeedback.objects.visible_to(request.user), pk=pk)
        truth = curate(feedback=feedback, curator=signed_in(request))
        return Response(GroundTruthSerializer(truth).data, status=status.HTTP_201_CREATED)
