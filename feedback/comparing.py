"""What changed between two versions of an answer."""

from dataclasses import dataclass

from config.problems import NotFound
from feedback.models import GroundTruth
from metrics.documents import Difference, differences

MOST_DIFFERENCES = 200


@dataclass(frozen=True, slots=True)
class Compared:
    """``differences`` lead from ``other`` to the version that was asked for; ``is_cut`` says that there are more."""

    other: GroundTruth
    differences: list[Difference]
    is_cut: bool


def compare(truth: GroundTruth, against: str | None) -> Compared:
    """With the version that ``against`` numbers, else the one before. Raises ``NotFound``."""
    wanted = str(truth.version - 1) if against is None else against
    versions = GroundTruth.objects.filter(scope=truth.scope, reference_id=truth.reference_id)
    is_number = wanted.isascii() and wanted.isdigit()
    other = versions.filter(version=int(wanted[:9])).first() if is_number else None
    if other is None:
        raise NotFound(f"There is no version {wanted[:20]!r} of this answer to compare with.")
    found = differences(other.data, truth.data, most=MOST_DIFFERENCES + 1)
    return Compared(other, found[:MOST_DIFFERENCES], len(found) > MOST_DIFFERENCES)
