"""How the reviewers of a queue agree, over HTTP."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.permissions import holds
from feedback.agreement_report import AgreementReport, MetricFit, QuestionAgreement, agreement_report
from feedback.models import ReviewQueue
from feedback.permissions import CURATE


class ReviewerBiasSerializer(serializers.Serializer[Any]):
    reviewer = serializers.CharField()
    answers = serializers.IntegerField()
    agreement = serializers.FloatField(help_text="The share of pairs with other reviewers that are equal, 0 to 1.")
    lean = serializers.DictField(
        child=serializers.FloatField(),
        help_text="By answer, how much more often they give it than the others on the same items; for numbers `mean`: "
        "how much higher they answer.",
    )


class DisputedItemSerializer(serializers.Serializer[Any]):
    itemId = serializers.UUIDField()
    title = serializers.CharField()
    disagreement = serializers.FloatField(help_text="The share of unequal pairs; for numbers their variance.")


class QuestionAgreementSerializer(serializers.Serializer[Any]):
    key = serializers.CharField(help_text="The question's key, or `verdict`.")
    label = serializers.CharField()  # type: ignore[assignment]
    answers = serializers.IntegerField(help_text="On items with two answers or more.")
    items = serializers.IntegerField()
    percent = serializers.FloatField(allow_null=True, help_text="The share of equal pairs, 0 to 1.")
    kappa = serializers.FloatField(allow_null=True, help_text="Cohen's, for two reviewers.")
    alpha = serializers.FloatField(allow_null=True, help_text="Krippendorff's: nominal, or interval for numbers.")
    values = serializers.ListField(child=serializers.CharField(), help_text="Of the matrix's rows and columns.")
    matrix = serializers.ListField(child=serializers.ListField(child=serializers.IntegerField()))
    matrixReviewers = serializers.ListField(
        child=serializers.CharField(), help_text="Whose answers rows and columns are, where there were two reviewers."
    )
    reviewers = ReviewerBiasSerializer(many=True)
    disputed = DisputedItemSerializer(many=True)


class MetricFitSerializer(serializers.Serializer[Any]):
    metric = serializers.CharField()
    auc = serializers.FloatField(help_text="The chance that a rejected item is measured worse than another; 0.5: none.")
    threshold = serializers.FloatField(help_text="From which value on an item should pass (Youden's J is largest).")
    youden = serializers.FloatField()
    sensitivity = serializers.FloatField(help_text="The share of the rejected that fail at the threshold.")
    specificity = serializers.FloatField(help_text="The share of the others that pass at it.")
    rejected = serializers.IntegerField()
    kept = serializers.IntegerField()


class AgreementSerializer(serializers.Serializer[Any]):
    isCut = serializers.BooleanField(help_text="Whether only the latest 100,000 answers were read.")
    areMetricsCut = serializers.BooleanField(
        help_text="Whether only 200,000 results of metrics were read, of the latest items."
    )
    adjudicatedItems = serializers.IntegerField(
        help_text="Decided by an adjudicator, whose answers are compared with nobody's."
    )
    itemsToAdjudicate = serializers.IntegerField(help_text="Whose reviewers disagree, and nobody has decided yet.")
    questions = QuestionAgreementSerializer(many=True)
    notCompared = serializers.ListField(
        child=serializers.CharField(), help_text="The keys of the questions for a text: texts seldom are the same."
    )
    metrics = MetricFitSerializer(many=True)


class AgreementView(APIView):
    """Agreement on the items of a queue that take no more answers, and the metrics that foretell rejection."""

    permission_classes = (holds(CURATE),)

    @extend_schema(operation_id="review_queues_agreement", responses=AgreementSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        queue = get_object_or_404(ReviewQueue, pk=pk)
        return Response(AgreementSerializer(as_json(agreement_report(queue))).data)


def as_json(report: AgreementReport) -> dict[str, Any]:
    """The report in the API's names."""
    return {
        "isCut": report.is_cut,
        "areMetricsCut": report.metrics_cut,
        "adjudicatedItems": report.adjudicated,
        "itemsToAdjudicate": report.undecided,
        "questions": [_question(each) for each in report.questions],
        "notCompared": [question.key for question in report.texts],
        "metrics": [_metric(each) for each in report.metrics],
    }


def _question(each: QuestionAgreement) -> dict[str, Any]:
    return {
        "key": each.key,
        "label": each.label,
        "answers": each.answers,
        "items": each.items,
        "percent": each.percent,
        "kappa": each.kappa,
        "alpha": each.alpha,
        "values": each.values,
        "matrix": each.matrix,
        "matrixReviewers": each.raters,
        "reviewers": [
            {
                "reviewer": name,
                "answers": bias.answers,
                "agreement": bias.agreement,
                "lean": {"mean" if value is None else value: share for value, share in bias.lean.items()},
            }
            for name, bias in each.biases
        ],
        "disputed": [{"itemId": item.pk, "title": str(item), "disagreement": spread} for item, spread in each.disputes],
    }


def _metric(each: MetricFit) -> dict[str, Any]:
    fit = each.fit
    return {
        "metric": each.metric.key,
        "auc": fit.auc,
        "threshold": fit.threshold,
        "youden": fit.youden,
        "sensitivity": fit.sensitivity,
        "specificity": fit.specificity,
        "rejected": fit.rejected,
        "kept": fit.kept,
    }
