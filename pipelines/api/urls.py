"""Addresses under /api."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from pipelines.api import viewsets
from pipelines.api.curation import CurateManyView, CurateView
from pipelines.api.recording import AIRunsView, QualityRunsView
from pipelines.judging.api.viewsets import JudgementViewSet, JudgeViewSet
from pipelines.review.api.viewsets import (
    ReviewAnswerViewSet,
    ReviewAssignmentViewSet,
    ReviewItemViewSet,
    ReviewQuestionViewSet,
    ReviewQueueViewSet,
)

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("design-splits", viewsets.DesignSplitViewSet)
router.register("split-assets", viewsets.SplitAssetViewSet)
router.register("module-templates", viewsets.ModuleTemplateViewSet)
router.register("generated-artifacts", viewsets.GeneratedArtifactViewSet)
router.register("validation-results", viewsets.ValidationResultViewSet)
router.register("pipelines", viewsets.PipelineViewSet)
router.register("pipelines/<slug:key>/versions", viewsets.PipelineVersionViewSet, basename="pipeline-versions")
router.register("pipeline-runs", viewsets.PipelineRunViewSet)
router.register("pipeline-schedules", viewsets.PipelineScheduleViewSet)
router.register("activation-gates", viewsets.ActivationGateViewSet)
router.register("evaluations", viewsets.EvaluationViewSet)
router.register("ai-prompts", viewsets.AIPromptViewSet)
router.register("pools", viewsets.ConcurrencyPoolViewSet)
router.register("step-runs", viewsets.StepRunViewSet)
router.register("step-runs/<uuid:id>/logs", viewsets.StepLogViewSet, basename="step-logs")
router.register("review-queues", ReviewQueueViewSet)
router.register("review-questions", ReviewQuestionViewSet)
router.register("review-items", ReviewItemViewSet)
router.register("review-answers", ReviewAnswerViewSet)
router.register("review-assignments", ReviewAssignmentViewSet)
router.register("judges", JudgeViewSet)
router.register("judgements", JudgementViewSet)
urlpatterns = [
    *router.urls,
    path("ai-runs", AIRunsView.as_view(), name="ai-runs"),
    path("review-feedback/curate", CurateManyView.as_view(), name="review-feedback-curate-many"),
    path("review-feedback/<uuid:pk>/curate", CurateView.as_view(), name="review-feedback-curate"),
    path("quality-runs", QualityRunsView.as_view(), name="quality-runs"),
]
