"""What each single change does: the old schema with that change alone, compared with the old schema."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ir_schemas.compatibility.deadline import Deadline
from ir_schemas.compatibility.deciding import decide
from ir_schemas.compatibility.model import Change, Effect, Status
from ir_schemas.diff import Difference, apply_difference, diff_schemas
from ir_schemas.shapes import ANNOTATIONS, Schema

MAX_TRIED = 60
SECONDS_EACH = 0.15
DESCRIBING = ANNOTATIONS - {"$defs", "definitions"} | {"$schema", "$id"}

Closing = Callable[[Schema], Schema]

_EFFECTS: dict[tuple[bool, bool], Effect] = {
    (True, True): "both",
    (True, False): "backward-breaking",
    (False, True): "forward-breaking",
    (False, False): "none",
}
_OPEN_CONTENT = (
    "Objects may carry properties that no schema declares, so old documents may already hold `{name}` with any value; "
    "now it must match. If writers send declared properties only, compare with the reading `writer-closed`."
)
_SENTENCES = {
    ("property-added", "backward-breaking"): _OPEN_CONTENT,
    ("property-added", "both"): _OPEN_CONTENT,
    ("property-added", "forward-breaking"): "The old schema refuses documents that carry `{name}`.",
    ("property-removed", "backward-breaking"): "Old documents may carry `{name}`, which the new schema refuses.",
    ("property-removed", "forward-breaking"): "`{name}` may now hold any value, which the old schema refuses.",
    ("required-added", "backward-breaking"): "Old documents may lack `{name}`, which is now required.",
    ("required-removed", "forward-breaking"): "New documents may lack `{name}`, which the old schema requires.",
    ("enum-added", "forward-breaking"): "New documents may hold a value that the old schema does not list.",
    ("enum-removed", "backward-breaking"): "Old documents may hold a value that is no longer listed.",
    ("type-changed", "both"): "Each type admits values that the other refuses.",
    ("type-changed", "backward-breaking"): "The new type admits less: old documents may hold what it refuses.",
    ("type-changed", "forward-breaking"): "The new type admits more: new documents may hold what the old one refuses.",
}
_GENERAL: dict[Effect, str] = {
    "backward-breaking": "The new schema admits less here: some old documents are refused.",
    "forward-breaking": "The new schema admits more here: some new documents are refused by the old schema.",
    "both": "Each schema admits documents here that the other refuses.",
    "none": "No document is refused on account of this.",
    "unknown": "What this change does by itself could not be decided.",
}


def explain_changes(
    old: Schema, new: Schema, *, backward: Status, forward: Status, closing: Closing, deadline: Deadline
) -> tuple[Change, ...]:
    """The differences with the effect of each. `closing` is applied to whichever schema writes.

    A direction that is compatible as a whole is not looked at: what one change breaks there another makes good.
    """
    trial = _Trial(old, closing, deadline, backward != "compatible", forward != "compatible")
    differences = enumerate(diff_schemas(old, new))
    return tuple(
        _change(difference, trial.effect(difference) if place < MAX_TRIED else "unknown")
        for place, difference in differences
    )


@dataclass(frozen=True)
class _Trial:
    """Tries single changes of one schema, in the directions that are in question."""

    old: Schema
    closing: Closing
    deadline: Deadline
    backward: bool
    forward: bool

    def effect(self, difference: Difference) -> Effect:
        if difference.keyword in DESCRIBING or not (self.backward or self.forward):
            return "none"
        if self.deadline.left == 0:
            return "unknown"
        changed = apply_difference(self.old, difference)
        try:
            backward = self._status(self.old, changed) if self.backward else "compatible"
            forward = self._status(changed, self.old) if self.forward else "compatible"
        except ValueError:
            return "unknown"  # one change alone can leave a reference to nowhere
        if "undecided" in (backward, forward):
            return "unknown"
        return _EFFECTS[backward == "incompatible", forward == "incompatible"]

    def _status(self, writer: Schema, reader: Schema) -> Status:
        return decide(self.closing(writer), reader, Deadline(min(SECONDS_EACH, self.deadline.left))).status


def _change(difference: Difference, effect: Effect) -> Change:
    keyword = "property" if difference.keyword == "properties" and difference.name is not None else difference.keyword
    kind = f"{keyword.lstrip('$') or 'schema'}-{difference.operation}"
    path = difference.new_path if difference.old_path is None else difference.old_path
    if difference.keyword in DESCRIBING:
        return Change(path or "", kind, effect, "This describes and does not validate.")
    sentence = _SENTENCES.get((kind, effect), _GENERAL[effect])
    return Change(path or "", kind, effect, sentence.format(name=difference.name))
