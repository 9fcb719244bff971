"""Write a template tree as HubL, and collect its fields with their defaults."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.hubspot.fields import Field, build_field, build_repeater
from pipelines.steps.module_generate.attributes import ID_CLOSE, ID_OPEN
from pipelines.steps.module_generate.naming import singular
from pipelines.steps.module_generate.nodes import Code, FormChoice, Node, Repeat, Slot, When, repeats_in, slots_in

# An e-mail address is kept without its scheme, as HubSpot's editor stores it.
_LINK_HREF = (
    "{% macro link_href(link) %}"
    '{{ (link.url.type == "EMAIL_ADDRESS" ? "mailto:" ~ link.url.href : link.url.href)|escape_url }}'
    "{% endmacro %}\n"
)
_FORM_TAG = (
    '{% form form_to_use="{{ $.form_id }}" response_response_type="{{ $.response_type }}" '
    'response_message="{{ $.message }}" %}'
)
_HUBL = re.compile(r"\{[{%#]")
_ESCAPED = re.compile(r"(\|escape_(?:html|attr)) \}\}")
_SEVERAL_SPACES = re.compile(r"\n\s*\n+")


def write_template(nodes: Sequence[Node]) -> str:
    """The module's HubL. Names every slot and repeater on the way: unique within their group."""
    _name_all(nodes)
    body = _write(nodes, _Scope())
    body = _SEVERAL_SPACES.sub("\n", body).strip() + "\n"
    return (_LINK_HREF if "link_href(" in body else "") + body


def collect_fields(nodes: Sequence[Node]) -> list[Field]:
    """``fields.json`` of a tree that was written: fields in the order of their first showing."""
    return _fields(nodes, [0])


def _name_all(nodes: Sequence[Node]) -> None:
    taken: Counter[str] = Counter()
    for item in _named_in(nodes):
        if not item.name:
            taken[item.role.name] += 1
            number = taken[item.role.name]
            item.name = item.role.name if number == 1 else f"{item.role.name}_{number}"
        if isinstance(item, Repeat):
            _name_all(item.body)


def _named_in(nodes: Sequence[Node]) -> list[Slot | Repeat]:
    found: list[Slot | Repeat] = []
    for node in nodes:
        if isinstance(node, Code | When | FormChoice):
            found.append(node.slot)
        if isinstance(node, When | FormChoice):
            found += _named_in(node.body)
        if isinstance(node, Repeat):
            found.append(node)
    return found


def _unique(name: str, taken: set[str]) -> str:
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where a field is written: ``holder`` is what has it, ``loops`` the variables of the loops around it."""

    holder: str = "module"
    loops: tuple[str, ...] = ()

    def inside(self, group: str) -> "_Scope":
        variable = _unique(singular(group), {"module", "name", "loop", "link_href", *self.loops})
        return _Scope(variable, (*self.loops, variable))


def _write(nodes: Sequence[Node], scope: _Scope) -> str:
    return "".join(node if isinstance(node, str) else _write_node(node, scope) for node in nodes)


def _write_node(node: Code | When | FormChoice | Repeat, scope: _Scope) -> str:
    if isinstance(node, Repeat):
        return _write_repeat(node, scope)
    field = f"{scope.holder}.{node.slot.name}"
    if isinstance(node, Code):
        return _guarded(node).replace("$", field)
    body = _write(node.body, scope)
    if isinstance(node, When):
        return f"{{% if {node.test.replace('$', field)} %}}{body}{{% endif %}}"
    chosen = _FORM_TAG.replace("$", field)
    return f"{{% if {field}.form_id %}}{chosen}{{% else %}}{body}{{% endif %}}"


def _guarded(code: Code) -> str:
    """Text that looks like HubL is written so that HubSpot, which renders values too, shows it as it is."""
    if code.slot.kind in ("text", "image") and any(_HUBL.search(str(value)) for value in code.slot.values):
        return _ESCAPED.sub(r"\1|escape_jinjava }}", code.hubl)
    return code.hubl


def _write_repeat(repeat: Repeat, outer: _Scope) -> str:
    """A loop; ids that its items share get the numbers of this loop and those around it."""
    scope = outer.inside(repeat.name)
    numbers = "-".join(f"{{{{ {variable}_number }}}}" for variable in scope.loops)
    shared_id = re.compile(rf"{ID_OPEN}{len(outer.loops)}:([^{ID_CLOSE}]*){ID_CLOSE}")
    body = shared_id.sub(rf"{{{{ name }}}}-\1-{numbers}", _write(repeat.body, scope))
    number = f"{scope.holder}_number"
    counted = f"{{% set {number} = loop.index %}}" if f"{{{{ {number} }}}}" in body else ""
    return f"{{% for {scope.holder} in {outer.holder}.{repeat.name} %}}{counted}{body}{repeat.gap}{{% endfor %}}"


def _fields(nodes: Sequence[Node], instances: Sequence[int]) -> list[Field]:
    fields: list[Field] = []
    seen: set[int] = set()
    for item in _named_in(nodes):
        if id(item) in seen:
            continue
        seen.add(id(item))
        fields.append(_repeater_field(item, instances) if isinstance(item, Repeat) else _field(item, instances))
    return fields


def _field(slot: Slot, instances: Sequence[int]) -> Field:
    default = slot.values[instances[0]] if instances else slot.values[0]
    number = re.search(r"_(\d+)$", slot.name)
    label = f"{slot.role.label} {number[1]}" if number and slot.name != slot.role.name else slot.role.label
    properties: dict[str, Any] = {"help_text": slot.role.help, "locked": slot.locked}
    if slot.kind == "image":
        properties |= {"inline_help_text": slot.role.help, "resizable": True, "responsive": True, "show_loading": True}
    elif slot.kind in ("form", "url"):
        properties["inline_help_text"] = slot.role.help
    if slot.kind in ("link", "url"):
        properties["supported_types"] = ["EXTERNAL", "CONTENT", "FILE", "EMAIL_ADDRESS", "BLOG"]
    if slot.kind == "boolean":
        properties["display"] = "toggle"
    return build_field(slot.kind, slot.name, label, default, **properties)


def _repeater_field(repeat: Repeat, instances: Sequence[int]) -> Field:
    children = _fields(repeat.body, [0])
    items = [_values(repeat.body, index) for instance in instances for index in _items_of(repeat, instance)]
    number = re.search(r"_(\d+)$", repeat.name)
    label = f"{repeat.role.label} {number[1]}" if number and repeat.name != repeat.role.name else repeat.role.label
    return build_repeater(repeat.name, label, children, items, inline_help_text=repeat.role.help)


def _items_of(repeat: Repeat, instance: int) -> range:
    start = sum(repeat.counts[:instance])
    return range(start, start + repeat.counts[instance])


def _values(nodes: Sequence[Node], index: int) -> dict[str, Any]:
    """The field values of one item."""
    values: dict[str, Any] = {slot.name: slot.values[index] for slot in slots_in(nodes)}
    for repeat in repeats_in(nodes):
        values[repeat.name] = [_values(repeat.body, item) for item in _items_of(repeat, index)]
    return values
