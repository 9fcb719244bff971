"""Whether the endpoints are there at all."""

from typing import Any

from django.http import Http404
from rest_framework.request import Request
from rest_framework.views import APIView

from monitoring.flags import Key, decide


class WhereOpen(APIView):
    """Answers as an address that leads nowhere does while MONITORING_API_ENABLED is off."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if not decide(Key.MONITORING_API_ENABLED).is_on:
            raise Http404
        super().initial(request, *args, **kwargs)
