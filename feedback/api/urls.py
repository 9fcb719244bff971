"""Addresses under /api."""

from rest_framework.routers import SimpleRouter

from feedback.api import viewsets

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("review-feedback", viewsets.ReviewFeedbackViewSet)
urlpatterns = router.urls
