"""The endpoints of review."""

import uuid
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.http import FileResponse, Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import CreateModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import ReadOnlyModelViewSet

from config.filters import switch_parameter
from config.permissions import holds
from config.problems import InvalidInput
from config.renderers import PageRenderer, PictureRenderer
from feedback import queues, services
from feedback.accepted import accepted_answer
from feedback.models import ReviewAnswer, ReviewAssignment, ReviewItem, ReviewQuestion, ReviewQueue
from feedback.permissions import CURATE, MAY_ADJUDICATE, REVIEW
from feedback.services import Answer
from pipelines.admin.pictures import is_picture, picture_response
from pipelines.api.previews import module_page
from pipelines.api.requests import changed, read_body, signed_in
from pipelines.review.adjudication import answers_so_far
from pipelines.review.api import filters, serializers
from pipelines.review.api.queue_serializers import (
    NewReviewQuestionSerializer,
    NewReviewQueueSerializer,
    ReviewProgressSerializer,
    ReviewQuestionChangeSerializer,
    ReviewQueueChangeSerializer,
)
from pipelines.review.corrections import correction_faults
from pipelines.review.filling import fill
from pipelines.review.opening import Opened, open_assignment
from pipelines.review.submitting import submit

LOST = OpenApiResponse(
    description="`review-reservation-lost`: others have taken every place since. `review-item-closed`, or "
    "`review-already-answered` where something else was answered before."
)


DRY_RUN = OpenApiParameter("dryRun", bool, description="`true`: only say how many would be added.")
ANSWERED = OpenApiResponse(description="It has been answered: `review-question-answered`.")
CHANGES = {"create": "add", "partial_update": "change", "destroy": "delete"}


def changing(view: Any, model: str) -> list[Any]:
    """The permission of an action that changes the table; empty for one that does not."""
    verb = CHANGES.get(view.action)
    return [holds(f"feedback.{verb}_{model}")()] if verb else []


class ReviewQueueViewSet(CreateModelMixin, ReadOnlyModelViewSet[ReviewQueue]):
    """The queues with their questions and the rules that fill them."""

    queryset = ReviewQueue.objects.select_related("pipeline", "step", "process", "metric").prefetch_related("questions")
    lookup_value_converter = "uuid"
    serializer_class = serializers.ReviewQueueSerializer
    filterset_class = filters.ReviewQueueFilter
    permission_classes = [holds(REVIEW, *MAY_ADJUDICATE, "feedback.view_reviewqueue")]

    def get_permissions(self) -> Any:
        return changing(self, "reviewqueue") or super().get_permissions()

    @extend_schema(request=NewReviewQueueSerializer, responses={201: serializers.ReviewQueueSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make a queue, perhaps with its questions. All of it is kept or, where anything does not fit, nothing."""
        given = read_body(NewReviewQueueSerializer, request)
        questions = [ReviewQuestion(**each) for each in given.pop("questions", [])]
        queue = queues.save_queue(ReviewQueue(**given), questions=questions)
        location = reverse("reviewqueue-detail", args=[queue.pk], request=request)
        answer = self.get_serializer(self.get_queryset().get(pk=queue.pk)).data
        return Response(answer, status=HTTPStatus.CREATED, headers={"Location": location})

    @extend_schema(request=ReviewQueueChangeSerializer, responses=serializers.ReviewQueueSerializer)
    def partial_update(self, request: Request, pk: Any) -> Response:
        """Change a queue. Items that it holds already keep the number of their reviewers."""
        queue = self.get_object()
        queues.save_queue(changed(queue, ReviewQueueChangeSerializer, request))
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(
        responses={204: None, 409: OpenApiResponse(description="It has or had items: `review-queue-in-use`.")}
    )
    def destroy(self, request: Request, pk: Any) -> Response:
        """Take a queue without items away, with its questions."""
        queues.delete_queue(self.get_object())
        return Response(status=HTTPStatus.NO_CONTENT)

    @extend_schema(operation_id="reviewQueuesProgress", responses=ReviewProgressSerializer)
    @action(detail=True)
    def progress(self, request: Request, pk: Any) -> Response:
        """How far the work is, and what of it is yours."""
        return Response(queues.progress(self.get_object(), signed_in(request)))

    @extend_schema(
        operation_id="reviewQueuesClaim",
        request=serializers.ReviewClaimSerializer,
        responses={
            200: serializers.ReviewAssignmentDetailSerializer,
            204: OpenApiResponse(description="Nothing is left for you in this queue now."),
        },
    )
    @action(detail=True, methods=["post"], permission_classes=[holds(REVIEW)])
    def claim(self, request: Request, pk: Any) -> Response:
        """Reserve your next item. Repeated, it gives you the one that you hold already."""
        return self._claim(request, adjudicates=False)

    @extend_schema(
        operation_id="reviewQueuesClaimAdjudication",
        request=serializers.ReviewClaimSerializer,
        responses={
            200: serializers.ReviewAssignmentDetailSerializer,
            204: OpenApiResponse(description="No item of others waits for an adjudicator now."),
        },
    )
    @action(detail=True, methods=["post"], url_path="claim-adjudication", permission_classes=[holds(*MAY_ADJUDICATE)])
    def claim_adjudication(self, request: Request, pk: Any) -> Response:
        """Reserve the next item whose reviewers disagree, and see what they answered; your answer is the accepted one.

        You never get an item that you reviewed. Repeated, it gives you the one that you hold already.
        """
        return self._claim(request, adjudicates=True)

    def _claim(self, request: Request, *, adjudicates: bool) -> Response:
        besides = read_body(serializers.ReviewClaimSerializer, request).get("besides")
        claimed = services.claim(
            queue=self.get_object(), reviewer=signed_in(request), besides=besides, adjudicates=adjudicates
        )
        if claimed is None:
            return Response(status=HTTPStatus.NO_CONTENT)
        return _detail(_own(request, claimed))

    @extend_schema(
        operation_id="reviewQueuesFill",
        request=None,
        parameters=[DRY_RUN],
        responses={
            200: serializers.ReviewFilledSerializer,
            400: OpenApiResponse(description="The rule's metric has no target: `invalid-input`."),
        },
    )
    @action(detail=True, methods=["post"], permission_classes=[holds(CURATE)])
    def fill(self, request: Request, pk: Any) -> Response:
        """Add outputs by the queue's rule that it does not hold yet, until enough wait."""
        filled = fill(self.get_object(), dry_run=switch_parameter(request, "dryRun"))
        return Response(serializers.ReviewFilledSerializer(filled).data)


class ReviewQuestionViewSet(CreateModelMixin, ReadOnlyModelViewSet[ReviewQuestion]):
    """What reviewers are asked, the newest first; `order` says where in its queue a question stands."""

    queryset = ReviewQuestion.objects.all()
    lookup_value_converter = "uuid"
    serializer_class = serializers.ReviewQuestionSerializer
    filterset_class = filters.ReviewQuestionFilter
    permission_classes = ReviewQueueViewSet.permission_classes

    def get_permissions(self) -> Any:
        return changing(self, "reviewquestion") or super().get_permissions()

    @extend_schema(request=NewReviewQuestionSerializer, responses={201: serializers.ReviewQuestionSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Ask one thing more, from now on."""
        question = queues.save_question(ReviewQuestion(**read_body(NewReviewQuestionSerializer, request)))
        location = reverse("reviewquestion-detail", args=[question.pk], request=request)
        return Response(self.get_serializer(question).data, status=HTTPStatus.CREATED, headers={"Location": location})

    @extend_schema(
        request=ReviewQuestionChangeSerializer,
        responses={200: serializers.ReviewQuestionSerializer, 409: ANSWERED},
    )
    def partial_update(self, request: Request, pk: Any) -> Response:
        """Change a question."""
        question = queues.save_question(changed(self.get_object(), ReviewQuestionChangeSerializer, request))
        return Response(self.get_serializer(question).data)

    @extend_schema(responses={204: None, 409: ANSWERED})
    def destroy(self, request: Request, pk: Any) -> Response:
        """Take a question that nobody has answered away."""
        queues.delete_question(self.get_object())
        return Response(status=HTTPStatus.NO_CONTENT)


class ReviewItemViewSet(ReadOnlyModelViewSet[ReviewItem]):
    """The items of queues, for curators; a single one comes with the answer that is accepted."""

    queryset = ReviewItem.objects.select_related("queue")
    lookup_value_converter = "uuid"
    serializer_class = serializers.ReviewItemSerializer
    filterset_class = filters.ReviewItemFilter
    permission_classes = [holds(CURATE)]

    @extend_schema(responses=serializers.ReviewItemDetailSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        shown: Any = self.get_object()
        shown.accepted_answer = accepted_answer(shown)
        return Response(serializers.ReviewItemDetailSerializer(shown).data)

    @extend_schema(request=serializers.ReviewItemChangeSerializer, responses=serializers.ReviewItemSerializer)
    def partial_update(self, request: Request, pk: Any) -> Response:
        """Have an item that is not done handed out before those of a lower priority. A done one stays as it is."""
        priority = read_body(serializers.ReviewItemChangeSerializer, request)["priority"]
        services.prioritise(items=[self.get_object()], priority=priority)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(
        operation_id="reviewItemsHolders", responses=serializers.ReviewHolderSerializer(many=True), filters=False
    )
    @action(
        detail=True,
        filterset_class=None,
        permission_classes=[holds("feedback.view_reviewassignment")],
    )
    def holders(self, request: Request, pk: Any) -> Response:
        """Who holds, held, answered or skipped it; never what they answered."""
        held: Any = self.get_object().assignments.select_related("reviewer").defer("draft")
        page: Any = self.paginate_queryset(held)
        return self.get_paginated_response(serializers.ReviewHolderSerializer(page, many=True).data)

    @extend_schema(operation_id="reviewItemsWithdraw", request=None, responses=serializers.ReviewItemSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: Any) -> Response:
        """Take an item that is not done out of its queue; answers given so far stay. Another one stays as it is."""
        services.withdraw(items=[self.get_object()])
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(
        operation_id="reviewItemsWithdrawMany",
        request=serializers.ReviewItemsSerializer,
        responses=serializers.ReviewItemsChangedSerializer,
    )
    @action(detail=False, methods=["post"], url_path="withdraw")
    def withdraw_many(self, request: Request) -> Response:
        """Take up to 1,000 items that are not done out of their queues. Others stay as they are."""
        return Response({"changed": services.withdraw(items=_chosen(request))})

    @extend_schema(
        operation_id="reviewItemsPutBackMany",
        request=serializers.ReviewItemsSerializer,
        responses=serializers.ReviewItemsChangedSerializer,
    )
    @action(detail=False, methods=["post"], url_path="put-back")
    def put_back_many(self, request: Request) -> Response:
        """Put up to 1,000 withdrawn items back into their queues. Others stay as they are."""
        return Response({"changed": services.put_back(items=_chosen(request))})

    @extend_schema(operation_id="reviewItemsPutBack", request=None, responses=serializers.ReviewItemSerializer)
    @action(detail=True, methods=["post"], url_path="put-back")
    def put_back(self, request: Request, pk: Any) -> Response:
        """Put a withdrawn item back into its queue. Another one stays as it is."""
        services.put_back(items=[self.get_object()])
        return Response(self.get_serializer(self.get_object()).data)


class ReviewAnswerViewSet(ReadOnlyModelViewSet[ReviewAnswer]):
    """What reviewers answered: your own, and all of items that are settled."""

    queryset = ReviewAnswer.objects.select_related("assignment__item", "assignment__reviewer", "feedback")
    lookup_value_converter = "uuid"
    serializer_class = serializers.ReviewAnswerRowSerializer
    filterset_class = filters.ReviewAnswerFilter

    def get_queryset(self) -> Any:
        rows: Any = super().get_queryset()
        return rows.visible_to(self.request.user)


class ReviewAssignmentViewSet(ReadOnlyModelViewSet[ReviewAssignment]):
    """Your own assignments; a single one comes with the output, its input, and your draft or answer."""

    queryset = ReviewAssignment.objects.select_related("item")
    lookup_value_converter = "uuid"
    serializer_class = serializers.ReviewAssignmentSerializer
    filterset_class = filters.ReviewAssignmentFilter
    permission_classes = [holds(REVIEW, *MAY_ADJUDICATE)]

    def get_queryset(self) -> Any:
        rows = super().get_queryset().filter(reviewer=self.request.user.pk)
        return rows.defer("draft") if self.action == "list" else rows

    @extend_schema(responses=serializers.ReviewAssignmentDetailSerializer)
    def retrieve(self, request: Request, pk: Any) -> Response:
        return _detail(_own(request, pk))

    @extend_schema(
        operation_id="reviewAssignmentsDraft",
        request=serializers.ReviewDraftSerializer,
        responses={200: serializers.ReviewAssignmentSerializer, 409: LOST},
    )
    @action(detail=True, methods=["put"])
    def draft(self, request: Request, pk: Any) -> Response:
        """Keep an unfinished answer; the item stays yours for the queue's time from now."""
        draft = read_body(serializers.ReviewDraftSerializer, request)["draft"]
        own = self.get_object()
        services.save_draft(assignment_id=own.pk, reviewer=signed_in(request), draft=draft)
        return self._now()

    @extend_schema(
        operation_id="reviewAssignmentsCheck",
        request=serializers.ReviewCorrectionSerializer,
        responses=serializers.ReviewCorrectionVerdictSerializer,
    )
    @action(detail=True, methods=["post"])
    def check(self, request: Request, pk: Any) -> Response:
        """Whether a correction would be taken, without giving it."""
        correction = read_body(serializers.ReviewCorrectionSerializer, request)["correction"]
        faults = correction_faults(_own(request, pk).content, correction)
        return Response({"valid": not faults, "faults": faults})

    @extend_schema(
        operation_id="reviewAssignmentsPicture",
        parameters=[OpenApiParameter("which", str, OpenApiParameter.PATH, enum=["page", "part"])],
        responses={(200, "image/*"): OpenApiTypes.BINARY},
    )
    @action(detail=True, url_path="pictures/<slug:which>", renderer_classes=[PictureRenderer])
    def pictures(self, request: Request, pk: Any, which: str) -> FileResponse:
        """The picture of the item's page, or of the part that the output was made of."""
        asset = _own(request, pk).content.pictures.get(which)
        if asset is None or not is_picture(asset.storage_url):
            raise Http404
        return picture_response(asset.storage_url)

    @extend_schema(operation_id="reviewAssignmentsPreview", responses={(200, "text/html"): OpenApiTypes.STR})
    @action(detail=True, renderer_classes=[PageRenderer])
    def preview(self, request: Request, pk: Any) -> HttpResponse:
        """The item's module, as a page for a frame. Its headers let it run, load and open nothing."""
        opened = _own(request, pk)
        return module_page(opened.content.document, opened.assignment.item.design_split)

    @extend_schema(
        operation_id="reviewAssignmentsAnswer",
        request=serializers.ReviewGivenSerializer,
        responses={
            200: serializers.ReviewAnswerSerializer,
            400: OpenApiResponse(
                description="An answer does not fit its question: `review-answers-invalid`. The correction breaks the "
                "schema in force or changes nothing: `review-correction-invalid`. Each fault is in `errors`."
            ),
            409: LOST,
        },
    )
    @action(detail=True, methods=["post"])
    def answer(self, request: Request, pk: Any) -> Response:
        """Give your answer. Repeated, the same answer is given once."""
        given = read_body(serializers.ReviewGivenSerializer, request)
        took = given.pop("tookMs", None)
        answer = Answer(
            **{**given, "remarks": [dict(each) for each in given["remarks"]]},
            took=None if took is None else timedelta(milliseconds=took),
        )
        own = _own(request, pk)
        taken = submit(assignment=own.assignment, reviewer=signed_in(request), answer=answer, content=own.content)
        return Response(serializers.ReviewAnswerSerializer(taken).data)

    @extend_schema(
        operation_id="reviewAssignmentsSkip",
        request=serializers.ReviewSkipSerializer,
        responses={200: serializers.ReviewAssignmentSerializer, 409: LOST},
    )
    @action(detail=True, methods=["post"])
    def skip(self, request: Request, pk: Any) -> Response:
        """Leave the item to others, for good. Repeated, it is skipped once."""
        note = read_body(serializers.ReviewSkipSerializer, request)["note"]
        services.skip(assignment_id=self.get_object().pk, reviewer=signed_in(request), note=note)
        return self._now()

    @extend_schema(
        operation_id="reviewAssignmentsRelease",
        request=None,
        responses={200: serializers.ReviewAssignmentSerializer, 409: LOST},
    )
    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: Any) -> Response:
        """Give the item back for now; your draft stays. Repeated, it is given back once."""
        own = self.get_object()
        if own.state != ReviewAssignment.State.RELEASED:
            services.release(assignment_id=own.pk, reviewer=signed_in(request))
        return self._now()

    def _now(self) -> Response:
        return Response(serializers.ReviewAssignmentSerializer(self.get_object()).data)


def _chosen(request: Request) -> list[ReviewItem]:
    """Raises ``InvalidInput`` for an id that no item has."""
    ids = set(read_body(serializers.ReviewItemsSerializer, request)["itemIds"])
    items = list(ReviewItem.objects.filter(pk__in=ids))
    unknown = sorted(map(str, ids - {item.pk for item in items}))
    if unknown:
        raise InvalidInput(f"There is no item {unknown[0]}. Nothing was changed.")
    return items


def _own(request: Request, pk: uuid.UUID) -> Opened:
    opened = open_assignment(pk, signed_in(request))
    if opened is None:
        raise Http404
    return opened


def _detail(opened: Opened) -> Response:
    shown: Any = opened.assignment
    shown.content = opened.content
    shown.given_answer = opened.answer
    shown.answers_so_far = answers_so_far(opened.assignment)
    return Response(serializers.ReviewAssignmentDetailSerializer(shown).data)
