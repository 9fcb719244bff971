"""What keywords ask of objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ir_schemas.compatibility.obligations.binding import only
from ir_schemas.compatibility.obligations.speaking import speakers_that_hold
from ir_schemas.shapes import ALWAYS_MATCHING, NOTHING, Node, Shape, inline, matches, narrow

if TYPE_CHECKING:
    from ir_schemas.compatibility.prover import Prover


def _member_within(prover: Prover, shape: Shape, name: str, node: Node) -> bool:
    with prover.below(name):
        return prover.contained(shape.member(name), node)


@only("object")
def properties(prover: Prover, shape: Shape, target: Node) -> bool:
    members = target.named("properties")
    discriminators_first = sorted(members, key=lambda name: members[name].keyword("const") is None)
    return all(_member_within(prover, shape, name, members[name]) for name in discriminators_first)


@only("object")
def pattern_properties(prover: Prover, shape: Shape, target: Node) -> bool:
    return all(
        _matching_within(prover, shape, pattern, node) for pattern, node in target.named("patternProperties").items()
    )


def _matching_within(prover: Prover, shape: Shape, pattern: str, node: Node) -> bool:
    named = (name for name in shape.declared if matches(pattern, name))
    if not all(_member_within(prover, shape, name, node) for name in named):
        return False
    with prover.below("*"):
        if pattern in shape.patterns:
            return prover.contained(shape.matching_member(pattern), node)
        others = [shape.matching_member(other) for other in sorted(shape.patterns)]
        return all(prover.contained(member, node) for member in (*others, shape.rest))


@only("object")
def additional_properties(prover: Prover, shape: Shape, target: Node) -> bool:
    return _others_within(prover, shape, [target], target.at("additionalProperties"))


@only("object")
def unevaluated_properties(prover: Prover, shape: Shape, target: Node) -> bool:
    speakers = speakers_that_hold(prover, shape, target)
    for node in speakers:
        if node.keyword("additionalProperties") is not None:
            return True
        if node != target and node.keyword("unevaluatedProperties") is not None:
            return True
    return _others_within(prover, shape, speakers, target.at("unevaluatedProperties"))


def _others_within(prover: Prover, shape: Shape, speakers: list[Node], node: Node) -> bool:
    """Whether every member that none of the speakers' `properties` and `patternProperties` names is within `node`."""
    patterns = {pattern for speaker in speakers for pattern in speaker.keyword("patternProperties") or {}}
    if patterns & ALWAYS_MATCHING:
        return True
    named = {name for speaker in speakers for name in speaker.keyword("properties") or {}}
    unnamed = [name for name in shape.declared if name not in named]
    others = [name for name in unnamed if not any(matches(pattern, name) for pattern in patterns)]
    if not all(_member_within(prover, shape, name, node) for name in others):
        return False
    with prover.below("*"):
        matching = [shape.matching_member(pattern) for pattern in sorted(shape.patterns - patterns)]
        return all(prover.contained(member, node) for member in (*matching, shape.rest))


@only("object")
def required(_: Prover, shape: Shape, target: Node) -> bool:
    return set(target.keyword("required")) <= shape.required


@only("object")
def property_names(prover: Prover, shape: Shape, target: Node) -> bool:
    node = target.at("propertyNames")
    for name in shape.declared:
        if not prover.pool.accepts((node,), name) and not _member_within(prover, shape, name, NOTHING):
            return False
    with prover.below("*"):
        any_name = (*shape.name_nodes, inline({"type": "string"}))
        for pattern in sorted(shape.patterns):
            if not prover.contained((*any_name, inline({"pattern": pattern})), node):
                return False
        return prover.impossible(shape.rest) or prover.contained(any_name, node)


def _when_present(prover: Prover, shape: Shape, name: str) -> list[Shape]:
    """The shape's documents that have a member of that name."""
    if name in shape.required:
        return [shape]
    with prover.below(name):
        if prover.impossible(shape.member(name)):
            return []
    return narrow(shape, inline({"required": [name]}))


@only("object")
def dependent_required(prover: Prover, shape: Shape, target: Node) -> bool:
    return all(
        set(needs) <= narrowed.required or prover.empty(narrowed)
        for name, needs in target.keyword("dependentRequired").items()
        for narrowed in _when_present(prover, shape, name)
    )


@only("object")
def dependent_schemas(prover: Prover, shape: Shape, target: Node) -> bool:
    return all(
        prover.within(narrowed, node)
        for name, node in target.named("dependentSchemas").items()
        for narrowed in _when_present(prover, shape, name)
    )
