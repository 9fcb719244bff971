"""Ground truth for the pipelines that tests make of single steps."""

from typing import Any

from config.canonical import content_hash
from feedback import ground_truth
from feedback.models import GroundTruthSet
from tests.factories import GroundTruthSetFactory

RIGHT: dict[str, Any] = {"title": "Bikes"}


def truths(count: int, key: str = "home") -> GroundTruthSet:
    """Answers to that many inputs, each of them right where the title is Bikes."""
    truth_set: GroundTruthSet = GroundTruthSetFactory(key=key)
    made = [
        ground_truth.add_version(
            scope="first", reference_id=content_hash({"n": n}), data=RIGHT, provenance={"inputs": {"n": n}}
        )
        for n in range(count)
    ]
    ground_truth.put_into_set(truth_set=truth_set, truths=made)
    return truth_set
