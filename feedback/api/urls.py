"""Addresses under /api."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from feedback.api import viewsets
from feedback.api.agreement import AgreementView
from feedback.api.ground_truth import GroundTruthSetViewSet, GroundTruthViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("review-feedback", viewsets.ReviewFeedbackViewSet)
router.register("ground-truth", GroundTruthViewSet)
router.register("ground-truth-sets", GroundTruthSetViewSet)
urlpatterns = [
    *router.urls,
    path("review-queues/<uuid:pk>/agreement", AgreementView.as_view(), name="review-queue-agreement"),
]
