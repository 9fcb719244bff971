"""What a comparison says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Status: TypeAlias = Literal["compatible", "incompatible", "undecided"]
Effect: TypeAlias = Literal["backward-breaking", "forward-breaking", "both", "none", "unknown"]
Reading: TypeAlias = Literal["standard", "writer-closed"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether every document valid for the writer is valid for the reader.

    `incompatible` always comes with a `counterexample`: a document that was validated against both schemas, accepted by
    the writer's and refused by the reader's (it may be the JSON null). Otherwise `counterexample` is None. `reasons`
    are sentences.
    """

    status: Status
    counterexample: Any = None
    reasons: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As the API and the admin show it."""
        return {"status": self.status, "counterexample": self.counterexample, "reasons": list(self.reasons)}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between the schemas and what it does by itself.

    `path` is a JSON Pointer into the old schema, or into the new one for what was added. `kind` is stable kebab-case,
    `<keyword>-added`, `<keyword>-removed` or `<keyword>-changed`, with `property` for a member of `properties`.
    """

    path: str
    kind: str
    effect: Effect
    reason: str

    def as_json(self) -> dict[str, str]:
        """As the API and the admin show it."""
        return {"path": self.path, "kind": self.kind, "effect": self.effect, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a new schema does to documents of the old (`backward`) and the old to documents of the new (`forward`)."""

    backward: Verdict
    forward: Verdict
    changes: tuple[Change, ...]
    reading: Reading = "standard"

    def as_json(self) -> dict[str, Any]:
        """As the API and the admin show it."""
        return {
            "backward": self.backward.as_json(),
            "forward": self.forward.as_json(),
            "changes": [change.as_json() for change in self.changes],
            "reading": self.reading,
        }
