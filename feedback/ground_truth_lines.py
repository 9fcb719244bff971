"""Ground truth as JSONL: one version a line, ``{"scope", "referenceId", "version", "data", "provenance"}``.

Importing is all or nothing, and importing again changes nothing: a version that is there must have the same data.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from config.canonical import canonical_json, content_hash
from config.jsonl import LineFault, read_line
from config.problems import InvalidInput
from feedback.errors import ImportRefused, TruthInvalid
from feedback.ground_truth import lock_all_versions, put_into_set
from feedback.models import GroundTruth, GroundTruthSet
from feedback.provenance import check_provenance
from feedback.truth_rules import Check, begin_check

MOST_LINES = 10_000
MOST_BYTES = 5_000_000  # a line
MOST_ERRORS = 20
FIELDS = {"scope", "referenceId", "version", "data"}


@dataclass(frozen=True, slots=True)
class Imported:
    """How many versions are new, and how many were there already."""

    created: int
    unchanged: int


def export_lines(truths: QuerySet[GroundTruth]) -> Iterator[str]:
    """Each version as a line without its end, read as it is taken."""
    for truth in truths.order_by("scope", "reference_id", "version").iterator(chunk_size=200):
        line = {
            "scope": truth.scope,
            "referenceId": truth.reference_id,
            "version": truth.version,
            "data": truth.data,
            "provenance": truth.provenance,
        }
        yield canonical_json(line).decode()


@transaction.atomic
def import_lines(lines: Iterable[bytes], *, truth_set: GroundTruthSet | None = None) -> Imported:
    """Take in every line, and put its version into the set. Empty lines are passed over.

    Raises ``ImportRefused`` with up to ``MOST_ERRORS`` reasons by line, and then takes in nothing; and ``SetFrozen``.
    """
    errors: list[dict[str, Any]] = []
    truths: list[GroundTruth] = []
    check = begin_check()
    created = 0
    documents = _read_all(lines)  # as whoever sends them may be slow, and others wait from here on
    lock_all_versions()
    for number, document in documents:
        try:
            if isinstance(document, LineFault):
                raise document
            truth, is_new = _keep(document, check)
        except LineFault as fault:
            errors.append({"path": f"line {number}", "message": str(fault)})
            if len(errors) == MOST_ERRORS:
                break
            continue
        created += is_new
        truths.append(truth)
    if errors:
        raise ImportRefused(f"{errors[0]['path']}: {errors[0]['message']}. Nothing was imported.", errors=errors)
    if truth_set is not None:
        put_into_set(truth_set=truth_set, truths=truths)
    return Imported(created, len(truths) - created)


def _read_all(lines: Iterable[bytes]) -> list[tuple[int, dict[str, Any] | LineFault]]:
    """What each line says, or what is wrong with it, up to ``MOST_ERRORS`` of these."""
    found: list[tuple[int, dict[str, Any] | LineFault]] = []
    faults = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if number > MOST_LINES:
            found.append((number, LineFault(f"there are more than {MOST_LINES:,} lines; import them in parts")))
            break
        try:
            found.append((number, _read(line)))
        except LineFault as fault:
            found.append((number, fault))
            faults += 1
            if faults == MOST_ERRORS:
                break
    return found


def _read(line: bytes) -> dict[str, Any]:
    document, _ = read_line(line, most_bytes=MOST_BYTES)
    if not isinstance(document, dict) or not FIELDS <= document.keys() <= FIELDS | {"provenance"}:
        raise LineFault("it needs scope, referenceId, version and data, and may have provenance")
    _check_fields(document)
    return document


def _check_fields(document: dict[str, Any]) -> None:
    for name, most in (("scope", 80), ("referenceId", 200)):
        value = document[name]
        if not isinstance(value, str) or not 0 < len(value) <= most:
            raise LineFault(f"{name} must be a text of 1 to {most} characters")
    if document["data"] is None:
        raise LineFault("data must not be null; an answer says something")
    version = document["version"]
    if isinstance(version, bool) or not isinstance(version, int) or not 0 < version < 2**31:
        raise LineFault("version must be a whole number from 1 on")
    if not isinstance(document.get("provenance", {}), dict):
        raise LineFault("provenance must be an object")


def _keep(document: dict[str, Any], check: Check) -> tuple[GroundTruth, bool]:
    truth, is_new = GroundTruth.objects.get_or_create(
        scope=document["scope"],
        reference_id=document["referenceId"],
        version=document["version"],
        defaults={"data": document["data"], "provenance": document.get("provenance", {})},
    )
    if content_hash(truth.data) != content_hash(document["data"]):
        raise LineFault(f"{truth} is there with other data; a version never changes, so give the line the next one")
    if is_new:
        try:
            check(truth.scope, document["data"])
        except TruthInvalid as refusal:
            raise LineFault(f"data: {refusal.message}") from refusal
        try:
            check_provenance(truth.provenance)
        except InvalidInput as refusal:
            raise LineFault(refusal.message.rstrip(".")) from refusal
    return truth, is_new
