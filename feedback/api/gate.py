"""Whether the endpoints of review are there at all."""

from typing import Any

from rest_framework.request import Request
from rest_framework.views import APIView

from config import features


class WhereReviewIsOn(APIView):
    """Answers as an address that leads nowhere does while REVIEW_ENABLED is off for whoever asks."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        features.require(features.REVIEW, request.user if request.user.is_authenticated else None)
        super().initial(request, *args, **kwargs)
