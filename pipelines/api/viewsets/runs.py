"""Runs and their steps: read, cancelled, run again, approved."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet, ReadOnlyModelViewSet

from config.idempotency import idempotency_key
from config.pagination import OldestFirst
from config.permissions import holds
from config.problems import NotFound
from config.renderers import PageRenderer, ZipRenderer
from ir_schemas.models import IRArtifact
from pipelines import engine
from pipelines.api import filters
from pipelines.api.previews import module_page
from pipelines.api.requests import IDEMPOTENCY_KEY, OPERATE, read_body, signed_in, started
from pipelines.api.serializers import runs as serializers
from pipelines.executors import carry_on
from pipelines.models import PipelineRun, StepLog, StepRun
from pipelines.packaging import modules_zip
from pipelines.selectors import with_records

READ_IR = "ir_schemas.view_irartifact"


class PipelineRunViewSet(ReadOnlyModelViewSet[PipelineRun]):
    """Runs of pipelines; a single one comes with its steps."""

    queryset = PipelineRun.objects.select_related("pipeline", "pipeline_version", "started_by")
    lookup_value_converter = "uuid"
    filterset_class = filters.PipelineRunFilter

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        return rows.defer("dag", "pipeline_version__dag") if self.action == "list" else rows

    def get_serializer_class(self) -> Any:
        single = self.action == "retrieve"
        return serializers.PipelineRunDetailSerializer if single else serializers.PipelineRunSerializer

    @extend_schema(
        operation_id="pipelineRunsCancel",
        request=None,
        responses={
            200: serializers.PipelineRunSerializer,
            409: OpenApiResponse(description="The run has already ended: `run-finished`."),
        },
    )
    @action(detail=True, methods=["post"], permission_classes=[holds(OPERATE)])
    def cancel(self, request: Request, pk: Any) -> Response:
        """End the run now, with all that has not settled. A step that runs is told so, and its result is refused."""
        run = engine.cancel(run_id=self.get_object().pk)
        return Response(self.get_serializer(run).data)

    @extend_schema(
        operation_id="pipelineRunsRerun",
        request=serializers.RerunSerializer,
        parameters=[IDEMPOTENCY_KEY],
        responses={
            200: OpenApiResponse(serializers.PipelineRunSerializer, "The key has already started this rerun."),
            201: serializers.PipelineRunSerializer,
            409: OpenApiResponse(
                description="The run has not ended: `run-unfinished`. Nothing failed and no node is named: "
                "`nothing-to-rerun`. Or `pipeline-logging-disabled`, `results-pruned`, `dag-unreadable`."
            ),
            422: OpenApiResponse(description="The key belongs to another run: `idempotency-key-reused`."),
        },
    )
    @action(detail=True, methods=["post"], permission_classes=[holds(OPERATE)])
    def rerun(self, request: Request, pk: Any) -> Response:
        """Start a new run that reuses what need not run again."""
        given = read_body(serializers.RerunSerializer, request)
        run = engine.rerun(
            run_id=self.get_object().pk,
            from_nodes=given.get("fromNodes"),
            params=given["params"],
            run_group_id=given.get("runGroupId"),
            idempotency_key=idempotency_key(request, given.get("idempotencyKey")),
            started_by=signed_in(request),
        )
        return started(run, request)

    @extend_schema(operation_id="pipelineRunsModules", responses={(200, "application/zip"): OpenApiTypes.BINARY})
    @action(detail=True, url_path="modules.zip", renderer_classes=[ZipRenderer])
    def modules(self, request: Request, pk: Any) -> HttpResponse:
        """The modules that a run made, laid out as HubSpot's CLI uploads them."""
        try:
            content = modules_zip(self.get_object().pk)
        except FileNotFoundError as error:
            raise NotFound("The files of this run are no longer in storage. Run it again.") from error
        if content is None:
            raise NotFound("This run has made no module.")
        disposition = f'attachment; filename="modules-{pk}.zip"'
        return HttpResponse(content, content_type="application/zip", headers={"Content-Disposition": disposition})


DECISION: dict[str, Any] = {
    "request": serializers.DecisionSerializer,
    "responses": {
        200: serializers.StepRunSerializer,
        409: OpenApiResponse(
            description="Somebody has decided, or it does not wait: `step-not-waiting`. "
            "Or `run-finished`, `dag-unreadable`."
        ),
    },
}


class StepRunViewSet(ReadOnlyModelViewSet[StepRun]):
    """Steps of runs, with their IR's validity, their metrics, and links to what they made."""

    queryset = with_records(StepRun.objects.all())
    lookup_value_converter = "uuid"
    serializer_class = serializers.StepRunSerializer
    filterset_class = filters.StepRunFilter

    @extend_schema(operation_id="stepRunsIr", responses=serializers.IRSerializer)
    @action(detail=True, permission_classes=[holds(READ_IR)])
    def ir(self, request: Request, pk: Any) -> Response:
        """The IR that the step handed over; null where its body was pruned."""
        return Response(serializers.IRSerializer(self._artifact()).data)

    @extend_schema(operation_id="stepRunsPreview", responses={(200, "text/html"): OpenApiTypes.STR})
    @action(
        detail=True,
        renderer_classes=[PageRenderer],
        permission_classes=[holds("pipelines.view_pipelinerun"), holds(READ_IR)],
    )
    def preview(self, request: Request, pk: Any) -> HttpResponse:
        """The module that the step made, as a page for a frame. Its headers let it run, load and open nothing."""
        artifact = self._artifact()
        return module_page(artifact.ir_json, artifact.step_run.pipeline_run.design_split)

    @extend_schema(operation_id="stepRunsApprove", **DECISION)
    @action(detail=True, methods=["post"], permission_classes=[holds(OPERATE)])
    def approve(self, request: Request, pk: Any) -> Response:
        """Let a step that waits for approval start."""
        return self._decide(request, approve=True)

    @extend_schema(operation_id="stepRunsDecline", **DECISION)
    @action(detail=True, methods=["post"], permission_classes=[holds(OPERATE)])
    def decline(self, request: Request, pk: Any) -> Response:
        """Fail a step that waits for approval; the run goes on as after any failure."""
        return self._decide(request, approve=False)

    def _artifact(self) -> IRArtifact:
        step_run = self.get_object()
        artifacts = IRArtifact.objects.select_related("step_run__pipeline_run__design_split")
        artifact = artifacts.filter(step_run=step_run, attempt=step_run.attempt).first()
        if artifact is None:
            raise NotFound(f"Step {step_run} is {step_run.status} and has handed over no IR.")
        return artifact

    def _decide(self, request: Request, *, approve: bool) -> Response:
        comment = read_body(serializers.DecisionSerializer, request)["comment"]
        step_run = self.get_object()
        run = engine.approve(step_run_id=step_run.pk, user=signed_in(request), approve=approve, comment=comment)
        carry_on(run.pk)
        return Response(self.get_serializer(self.get_object()).data)


class StepLogViewSet(ListModelMixin, GenericViewSet[StepLog]):
    """What a step said while it ran, of all its attempts, the oldest line first."""

    queryset = StepLog.objects.all()
    serializer_class = serializers.StepLogSerializer
    pagination_class = OldestFirst
    filterset_class = filters.StepLogFilter

    def get_queryset(self) -> Any:
        return super().get_queryset().filter(step_run=self.kwargs.get("id"))

    @extend_schema(operation_id="stepRunsLogs")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Lines of a step. To follow one that runs, ask with `after` and the id of the last line you have."""
        get_object_or_404(StepRun.objects.only("pk"), pk=kwargs["id"])
        return super().list(request, *args, **kwargs)
