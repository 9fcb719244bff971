"""Addresses under /api/monitoring."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from monitoring.api import viewsets

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("monitoring/test-runs", viewsets.TestRunViewSet)
router.register("monitoring/test-results", viewsets.TestResultViewSet)
router.register("monitoring/alerts", viewsets.AlertViewSet)
router.register("monitoring/alert-firings", viewsets.AlertFiringViewSet)
urlpatterns = [
    *router.urls,
    path("monitoring/quality/trends", viewsets.QualityTrendsView.as_view(), name="quality-trends"),
    path("monitoring/ai/metrics", viewsets.AIMetricsView.as_view(), name="ai-metrics"),
]
