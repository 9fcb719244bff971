"""Making ground truth of reviews, over HTTP."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.permissions import holds
from feedback.api.ground_truth import GroundTruthSerializer
from feedback.models import ReviewFeedback
from feedback.permissions import CURATE
from pipelines.api.requests import read_body, signed_in
from pipelines.review.curation import MOST_AT_ONCE, curate, curate_many


class CurateManySerializer(serializers.Serializer[Any]):
    reviewFeedbackIds = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=MOST_AT_ONCE)


class NotCuratedSerializer(serializers.Serializer[Any]):
    reviewFeedbackId = serializers.UUIDField()
    code = serializers.CharField()
    message = serializers.CharField()


class CuratedSerializer(serializers.Serializer[Any]):
    groundTruth = GroundTruthSerializer(many=True, help_text="Made now, or by the same review before.")
    refused = NotCuratedSerializer(many=True)


class CuratingView(APIView):
    """For curators."""

    permission_classes = (holds(CURATE),)


class CurateView(CuratingView):
    """Make the output that this review accepted or corrected the next version of its ground truth.

    Curating it again answers with the version that it made.
    """

    @extend_schema(
        operation_id="review_feedback_curate",
        request=None,
        responses={
            201: GroundTruthSerializer,
            400: OpenApiResponse(
                description="It breaks the schemas in force for its scope: `ground-truth-invalid`, with the places in "
                "`errors`."
            ),
            409: OpenApiResponse(
                description="It can't become ground truth, as `detail` says: `feedback-not-curatable`."
            ),
        },
    )
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        feedback = get_object_or_404(ReviewFeedback.objects.visible_to(request.user), pk=pk)
        truth = curate(feedback=feedback, curator=signed_in(request))
        return Response(GroundTruthSerializer(truth).data, status=status.HTTP_201_CREATED)


class CurateManyView(CuratingView):
    """The same for many, each on its own: one that is refused holds up no other."""

    @extend_schema(
        operation_id="review_feedback_curate_many", request=CurateManySerializer, responses=CuratedSerializer
    )
    def post(self, request: Request) -> Response:
        wanted = list(dict.fromkeys(read_body(CurateManySerializer, request)["reviewFeedbackIds"]))
        visible = ReviewFeedback.objects.visible_to(request.user).select_related("answer__assignment__item__queue")
        found = visible.in_bulk(wanted)
        curated = curate_many(feedback=(found[pk] for pk in wanted if pk in found), curator=signed_in(request))
        refused = {each.pk: (refusal.code, refusal.message) for each, refusal in curated.refusals}
        unknown = {pk: ("not-found", "There is no such review.") for pk in wanted if pk not in found}
        return Response(
            {
                "groundTruth": GroundTruthSerializer(curated.truths, many=True).data,
                "refused": [
                    {"reviewFeedbackId": pk, "code": code, "message": message}
                    for pk, (code, message) in {**refused, **unknown}.items()
                ],
            }
        )
