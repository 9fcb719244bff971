"""What evaluations read of where an answer is from: ``designSplitId`` and ``inputs``. All else is free text."""

from collections.abc import Mapping
from typing import Any

from config.problems import InvalidInput
from config.texts import as_uuid


def check_provenance(provenance: Any) -> None:
    """Raises ``InvalidInput`` with each fault at its place below ``/provenance``."""
    errors = _faults(provenance)
    if errors:
        raise InvalidInput(f"{errors[0]['path']}: {errors[0]['message']}", errors=errors)


def recorded(provenance: Any) -> Mapping[str, Any]:
    """What is kept, which may be older than the check: nothing where it is no object."""
    return provenance if isinstance(provenance, dict) else {}


def _faults(provenance: Any) -> list[dict[str, str]]:
    if not isinstance(provenance, dict):
        return [{"path": "/provenance", "message": "Give an object, or leave it out."}]
    faults = []
    design = provenance.get("designSplitId")
    if design is not None and not (isinstance(design, str) and as_uuid(design)):
        faults.append(("designSplitId", "Give the id of a design, a UUID, or leave it out."))
    inputs = provenance.get("inputs")
    if inputs is not None and not isinstance(inputs, dict):
        faults.append(("inputs", "Give the inputs of the run as an object, or leave them out."))
    return [{"path": f"/provenance/{name}", "message": message} for name, message in faults]
