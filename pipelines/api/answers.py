"""What viewsets share of their answers."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response


class WholeRowMixin:
    """A ``PATCH`` is answered with the whole row, where DRF leaves out what would come of a relation that is null."""

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        super().partial_update(request, *args, **kwargs)  # type: ignore[misc]
        view: Any = self
        return Response(view.get_serializer(view.get_object()).data)
