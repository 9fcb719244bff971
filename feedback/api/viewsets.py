"""The endpoints of reviews."""

from typing import Any

from rest_framework.viewsets import ReadOnlyModelViewSet

from feedback.api.filters import ReviewFeedbackFilter
from feedback.api.serializers import ReviewFeedbackSerializer
from feedback.models import ReviewFeedback


class ReviewFeedbackViewSet(ReadOnlyModelViewSet[ReviewFeedback]):
    """What reviewers said of designs, artifacts and modules; in a queue, once an item takes no more answers."""

    queryset = ReviewFeedback.objects.all()
    lookup_value_converter = "uuid"
    serializer_class = ReviewFeedbackSerializer
    filterset_class = ReviewFeedbackFilter

    def get_queryset(self) -> Any:
        return ReviewFeedback.objects.visible_to(self.request.user)
