"""What people say of outputs: queues of work, answers, reviews, and the ground truth that is made of them."""

from feedback.models.evaluations import Evaluation, EvaluationItem
from feedback.models.gates import ActivationGate
from feedback.models.judges import Judge, Judgement
from feedback.models.queues import ReviewQuestion, ReviewQueue
from feedback.models.reviews import GroundTruth, ReviewFeedback
from feedback.models.sets import GroundTruthSet, GroundTruthSetItem
from feedback.models.work import ReviewAnswer, ReviewAssignment, ReviewItem

__all__ = [
    "ActivationGate",
    "Evaluation",
    "EvaluationItem",
    "GroundTruth",
    "GroundTruthSet",
    "GroundTruthSetItem",
    "Judge",
    "Judgement",
    "ReviewAnswer",
    "ReviewAssignment",
    "ReviewFeedback",
    "ReviewItem",
    "ReviewQuestion",
    "ReviewQueue",
]
