"""Prompts: read, and put in force."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from config.permissions import holds
from pipelines.ai.activation import activate_prompt
from pipelines.api import filters
from pipelines.api.requests import read_body, signed_in
from pipelines.api.serializers.definitions import ActivateVersionSerializer
from pipelines.api.serializers.prompts import AIPromptDetailSerializer, AIPromptSerializer
from pipelines.models import AIPrompt


class AIPromptViewSet(ReadOnlyModelViewSet[AIPrompt]):
    """Prompts, the newest first; a single one comes with its words."""

    queryset = AIPrompt.objects.select_related("process")
    lookup_value_converter = "uuid"
    filterset_class = filters.AIPromptFilter

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        return rows.defer("content") if self.action == "list" else rows

    def get_serializer_class(self) -> Any:
        return AIPromptSerializer if self.action == "list" else AIPromptDetailSerializer

    @extend_schema(
        operation_id="aiPromptsActivate",
        request=ActivateVersionSerializer,
        responses={
            200: AIPromptDetailSerializer,
            409: OpenApiResponse(
                description="A gate does not let it pass: `activation-gate-refused`, with each gate's reason in "
                "`errors`; or `gate-override-not-permitted`."
            ),
        },
    )
    @action(detail=True, methods=["post"], permission_classes=[holds("pipelines.change_aiprompt")])
    def activate(self, request: Request, pk: Any) -> Response:
        """Make this the prompt that steps get which name the process alone, in place of the default there was."""
        given = read_body(ActivateVersionSerializer, request)
        prompt = activate_prompt(
            self.get_object(), by=signed_in(request), override_reason=given.get("overrideReason", "")
        )
        return Response(self.get_serializer(prompt).data)
