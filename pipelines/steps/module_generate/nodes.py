"""A module's template as a small tree: markup, field values, conditions and repeaters.

A tree stands for ``n`` instances of one thing at once (the items of a repeater; 1 at the top): every slot has ``n``
values. So the template and the defaults that make it render like the source come from one structure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

SlotKind = Literal["text", "richtext", "image", "link", "url", "form", "boolean"]


@dataclass(frozen=True, slots=True)
class Role:
    """What a field is for: a name to start from, the label editors see, and a sentence of help."""

    name: str
    label: str
    help: str


@dataclass(eq=False, slots=True)
class Slot:
    """A field: ``values`` holds one value for each instance. ``locked`` fields are hidden from editors."""

    kind: SlotKind
    role: Role
    values: list[Any]
    locked: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class Code:
    """HubL that shows a field; ``$`` stands for the field."""

    slot: Slot
    hubl: str


@dataclass(frozen=True, slots=True)
class When:
    """``body`` where ``test`` holds; ``$`` stands for the field."""

    slot: Slot
    test: str
    body: list["Node"]


@dataclass(frozen=True, slots=True)
class FormChoice:
    """The HubSpot form an editor chose, or else ``body``: the form as the design had it."""

    slot: Slot
    body: list["Node"]


@dataclass(eq=False, slots=True)
class Repeat:
    """A group field with occurrence. ``counts`` holds how many items each instance has; the slots in ``body`` have a
    value for every item of every instance, in order. ``path`` names the repeater's place in the source."""

    role: Role
    body: list["Node"]
    counts: list[int]
    path: str
    name: str = ""
    gap: str = field(default="")


Node = str | Code | When | FormChoice | Repeat


def slots_in(nodes: Sequence[Node]) -> Iterator[Slot]:
    """Every slot of this scope, not those inside repeaters; one slot may come more than once."""
    for node in nodes:
        if isinstance(node, Code):
            yield node.slot
        elif isinstance(node, When | FormChoice):
            yield node.slot
            yield from slots_in(node.body)


def repeats_in(nodes: Sequence[Node]) -> Iterator[Repeat]:
    """Every repeater of this scope."""
    for node in nodes:
        if isinstance(node, Repeat):
            yield node
        elif isinstance(node, When | FormChoice):
            yield from repeats_in(node.body)


def count_slots(nodes: Sequence[Node]) -> int:
    """How many fields the tree makes, groups and their children included."""
    repeats = list(repeats_in(nodes))
    return len({id(slot) for slot in slots_in(nodes)}) + sum(1 + count_slots(repeat.body) for repeat in repeats)


def has_fields(nodes: Sequence[Node]) -> bool:
    return any(not isinstance(node, str) for node in nodes)


_BLANK_VALUES: dict[str, Any] = {"text": "", "richtext": "", "boolean": False}


def blank_value(slot: Slot) -> Any:
    """The value of a field where an instance has nothing to show."""
    if slot.kind in _BLANK_VALUES:
        return _BLANK_VALUES[slot.kind]
    if slot.kind == "image":
        return {"src": "", "alt": "", "size_type": "auto", "loading": "disabled"}
    url = {"content_id": None, "type": "EXTERNAL", "href": ""}
    if slot.kind == "link":
        return {"url": url, "open_in_new_tab": False, "no_follow": False}
    return url if slot.kind == "url" else dict(slot.values[0])


def spread(nodes: Sequence[Node], present: Sequence[int], count: int) -> None:
    """Stretch a tree that stands for the instances ``present`` to ``count`` instances; the others get blank values."""
    for slot in {id(slot): slot for slot in slots_in(nodes)}.values():
        known = dict(zip(present, slot.values, strict=True))
        slot.values = [known[index] if index in known else blank_value(slot) for index in range(count)]
    for repeat in repeats_in(nodes):
        counts = dict(zip(present, repeat.counts, strict=True))
        repeat.counts = [counts.get(index, 0) for index in range(count)]
