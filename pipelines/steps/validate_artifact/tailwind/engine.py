"""Whether Tailwind's engine would make CSS of a class, answered from what the engine said of itself.

``design_system.json`` is exported from the ``tailwindcss`` package by ``export_design_system.mjs``, which says how.
The grammar of a class is the engine's: ``variant:variant:utility``, where a utility is a fixed name (``flex``), a root
and a value (``p-4``, ``bg-[#123]/40``) or a property of its own (``[color:red]``), with ``!`` for important before or
after it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

MAX_CLASS_LENGTH = 500
MAX_VARIANT_DASHES = 12

# ``group`` and ``peer`` make no CSS of their own but other classes refer to them.
MARKERS = re.compile(r"(?:group|peer)(?:/[\w-]+)?")

INTEGER = re.compile(r"0|[1-9]\d{0,14}")
QUARTER = re.compile(r"(?:0|[1-9]\d{0,14})(?:\.25|\.5|\.75)?")
PERCENTAGE = re.compile(r"(?:0|[1-9]\d{0,14})%")
LENGTH = re.compile(r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:e[+-]?\d+)?[a-z]{1,5}", re.IGNORECASE)
NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE)
POSITION = re.compile(r"(?:center|top|right|bottom|left)(?:_(?:center|top|right|bottom|left))*")
COLOR = re.compile(r"#|(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch|color|color-mix|light-dark)\(")
IMAGE = re.compile(r"(?:url|image|image-set|cross-fade|element|(?:repeating-)?(?:linear|radial|conic)-gradient)\(")
TYPE_HINT = re.compile(r"([a-z-]+):(.*)", re.DOTALL)
PROPERTY = re.compile(r"(?:--[\w-]+|-?[a-z][a-z0-9._-]*):(.+)", re.DOTALL)
NAMED_VALUE = re.compile(r"[A-Za-z0-9_-]+")

COMPOUND_VARIANTS = frozenset({"not", "group", "peer", "in", "has"})
NAMEABLE_VARIANTS = frozenset({"group", "peer", "@", "@min", "@max"})
FREE_VARIANTS = frozenset({"aria", "data", "supports"})
COUNTING_VARIANTS = frozenset({"nth", "nth-last", "nth-of-type", "nth-last-of-type"})
VARIABLE_VARIANTS = COUNTING_VARIANTS | {"supports"}

HINTED_KINDS = {
    "color": "arbitrary-color",
    "length": "arbitrary-length",
    "size": "arbitrary-length",
    "bg-size": "arbitrary-length",
    "percentage": "arbitrary-percentage",
    "number": "arbitrary-number",
    "integer": "arbitrary-number",
    "image": "arbitrary-image",
    "url": "arbitrary-image",
    "position": "arbitrary-position",
}

OPENING = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class Utility:
    """A functional utility: which modifier each kind of value (``kinds``) and each named value takes."""

    kinds: Mapping[str, str]
    named: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DesignSystem:
    """What the engine of one Tailwind version accepts with its default theme."""

    version: str
    statics: frozenset[str]
    utilities: Mapping[str, Utility]
    line_heights: frozenset[str]
    variants: Mapping[str, frozenset[str]]
    functional_variants: frozenset[str]


@cache
def design_system() -> DesignSystem:
    data = json.loads(files(__package__).joinpath("design_system.json").read_text(encoding="utf-8"))
    utilities = {}
    for entry in data["utilities"]:
        named = {value: modifier for modifier, number in entry["named"].items() for value in data["values"][number]}
        utilities.update(dict.fromkeys(entry["roots"], Utility(kinds=entry["kinds"], named=named)))
    return DesignSystem(
        version=data["version"],
        statics=frozenset(data["statics"]),
        utilities=utilities,
        line_heights=frozenset(data["lineHeights"]),
        variants={variant["name"]: frozenset(variant["values"]) for variant in data["variants"]},
        functional_variants=frozenset(variant["name"] for variant in data["variants"] if variant["isArbitrary"]),
    )


@lru_cache(maxsize=20_000)
def is_tailwind_class(name: str) -> bool:
    """True where the engine makes CSS of ``name``, and for ``group`` and ``peer``, which only mark an element."""
    if len(name) > MAX_CLASS_LENGTH:
        return False
    parts = split_outside_brackets(name, ":")
    if parts is None or not all(is_variant(variant) for variant in parts[:-1]):
        return False
    return is_utility(parts[-1]) or (len(parts) == 1 and MARKERS.fullmatch(name) is not None)


def is_utility(utility: str) -> bool:
    bare = utility.removesuffix("!")
    if bare == utility:
        bare = utility.removeprefix("!")
    if bare in design_system().statics:
        return True
    parts = split_outside_brackets(bare, "/")
    if parts is None:
        return False
    if len(parts) > 1 and _is_fraction_of(bare):
        return True
    if len(parts) > 2:
        return False
    return _is_value_utility(parts[0], parts[1] if len(parts) == 2 else None)


def _is_value_utility(utility: str, modifier: str | None) -> bool:
    if utility.startswith("["):
        return _is_arbitrary_property(utility) and _modifier_fits("number", modifier)
    return any(
        _modifier_fits(kind, modifier) for root, value in _readings(utility) for kind in _modifier_kinds(root, value)
    )


def _readings(utility: str) -> list[tuple[str, str]]:
    """Every way to read a class as root and value: at each dash before a bracket, and as a root alone."""
    utilities = design_system().utilities
    head = re.split(r"[\[(]", utility, maxsplit=1)[0]
    dashes = [match.start() for match in re.finditer("-", head)]
    readings = [(utility[:dash], utility[dash + 1 :]) for dash in dashes if utility[:dash] in utilities]
    readings = [(root, value) for root, value in readings if value]
    return [*readings, (utility, "")] if utility in utilities else readings


def _modifier_kinds(root: str, value: str) -> list[str]:
    """The kinds of modifier that ``root-value`` takes; empty where the engine knows no such class."""
    utility = design_system().utilities[root]
    if value in utility.named:
        return [utility.named[value]]
    return [utility.kinds[kind] for kind in value_kinds(value) if kind in utility.kinds]


def _is_fraction_of(utility: str) -> bool:
    """True for ``w-7/9``: a slash that divides instead of introducing a modifier."""
    for root, value in _readings(utility):
        kinds = design_system().utilities[root].kinds
        numerator, _, denominator = value.partition("/")
        if "quarter-fraction" in kinds and QUARTER.fullmatch(numerator) and QUARTER.fullmatch(denominator):
            return True
        if "fraction" in kinds and INTEGER.fullmatch(numerator) and INTEGER.fullmatch(denominator):
            return True
        if value in design_system().utilities[root].named:
            return True
    return False


def value_kinds(value: str) -> list[str]:
    """The kinds (keys of ``design_system.json``) under which an unnamed value may be accepted."""
    if value.startswith("["):
        return _arbitrary_kinds(value)
    if value.startswith("("):
        return _variable_kinds(value)
    if INTEGER.fullmatch(value):
        return ["non-negative-integer", "quarter"] + ["positive-integer"] * (value != "0")
    if QUARTER.fullmatch(value):
        return ["quarter"]
    return ["percentage"] if PERCENTAGE.fullmatch(value) else []


def _arbitrary_kinds(value: str) -> list[str]:
    content = _bracketed(value)
    if content is None:
        return []
    hint = TYPE_HINT.fullmatch(content)
    if hint is None:
        return [_inferred_kind(content)]
    return [HINTED_KINDS.get(hint[1], "arbitrary-other")] if _is_value(hint[2]) else []


def _variable_kinds(value: str) -> list[str]:
    content = _bracketed(value, "(", ")")
    if content is None:
        return []
    hint, _, variable = content.rpartition(":")
    if not variable.startswith("--") or content.startswith(":"):
        return []
    return [HINTED_KINDS.get(hint, "variable")]


def _inferred_kind(content: str) -> str:
    if content.startswith("var("):
        return "arbitrary-other"
    patterns = {
        "arbitrary-number": NUMBER,
        "arbitrary-length": LENGTH,
        "arbitrary-position": POSITION,
    }
    for kind, pattern in patterns.items():
        if pattern.fullmatch(content):
            return kind
    if content.endswith("%") and NUMBER.fullmatch(content[:-1]):
        return "arbitrary-percentage"
    if content.startswith(("calc(", "min(", "max(", "clamp(")):
        return "arbitrary-length"
    if COLOR.match(content):
        return "arbitrary-color"
    return "arbitrary-image" if IMAGE.match(content) else "arbitrary-other"


def _is_arbitrary_property(utility: str) -> bool:
    content = _bracketed(utility)
    if content is None:
        return False
    declaration = PROPERTY.fullmatch(content)
    return declaration is not None and bool(declaration[1].strip())


def _modifier_fits(kind: str, modifier: str | None) -> bool:
    """Whether a class that takes ``kind`` of modifier takes this one (None: there is no slash)."""
    if modifier is None:
        return True
    if kind == "none" or not modifier:
        return False
    if modifier.startswith("["):
        return _bracketed(modifier) is not None
    if modifier.startswith("("):
        return (_bracketed(modifier, "(", ")") or "").startswith("--")
    if kind == "any":
        return True
    return QUARTER.fullmatch(modifier) is not None or (
        kind == "line-height" and modifier in design_system().line_heights
    )


def is_variant(variant: str) -> bool:
    """Whether the engine knows a variant (``md``, ``group-hover/card``, ``data-[open]``, ``[&_p]``)."""
    if variant.startswith("["):
        return _is_selector(_bracketed(variant), relative=False, at_rule=True)
    parts = split_outside_brackets(variant, "/")
    if parts is None or len(parts) > 2:
        return False
    return _is_named_variant(parts[0], parts[1] if len(parts) == 2 else None, inside=None)


def _is_named_variant(variant: str, modifier: str | None, *, inside: str | None) -> bool:
    """``inside`` is the compound variant around this one (``group`` in ``group-hover``), None at the top."""
    system = design_system()
    if variant in system.variants and variant not in system.functional_variants:
        return modifier is None and (inside is None or variant in system.variants[inside])
    for root, value in _variant_readings(variant):
        if inside is not None and root not in system.variants[inside]:
            continue
        if root in COMPOUND_VARIANTS:
            accepted = _is_compound(root, value, modifier, inside)
        else:
            accepted = _takes_modifier(root, modifier) and _is_variant_value(root, value)
        if accepted:
            return True
    return False


def _variant_readings(variant: str) -> list[tuple[str, str]]:
    functional = design_system().functional_variants
    head = re.split(r"[\[(]", variant, maxsplit=1)[0]
    if head.count("-") > MAX_VARIANT_DASHES:
        return []
    readings = [(variant[: dash.start()], variant[dash.end() :]) for dash in re.finditer("-", head)]
    readings = [(root, value) for root, value in readings if root in functional and root != "@" and value]
    return [*readings, ("@", variant[1:])] if re.match(r"@[\w\[]", variant) else readings


def _is_compound(root: str, value: str, modifier: str | None, inside: str | None) -> bool:
    # Tailwind's hover sits in a media query, which a selector can't hold once it is negated.
    if root == "not" and inside is not None and value == "hover":
        return False
    if value.startswith("["):
        takes = _takes_modifier(root, modifier)
        return takes and _is_selector(_bracketed(value), relative=root in {"has", "in"}, at_rule=root == "not")
    if root in NAMEABLE_VARIANTS:
        return _takes_modifier(root, modifier) and _is_named_variant(value, None, inside=root)
    return _is_named_variant(value, modifier, inside=root)


def _takes_modifier(root: str, modifier: str | None) -> bool:
    return modifier is None or (root in NAMEABLE_VARIANTS and _modifier_fits("any", modifier))


def _is_variant_value(root: str, value: str) -> bool:
    if value.startswith("["):
        return _bracketed(value) is not None
    if value.startswith("("):
        return root in VARIABLE_VARIANTS and (_bracketed(value, "(", ")") or "").startswith("--")
    if value in design_system().variants[root]:
        return True
    if root in COUNTING_VARIANTS:
        return INTEGER.fullmatch(value) is not None
    return root in FREE_VARIANTS and NAMED_VALUE.fullmatch(value) is not None


def _is_selector(content: str | None, *, relative: bool, at_rule: bool) -> bool:
    if content is None:
        return False
    if content.startswith("@"):
        return at_rule
    return relative or "&" in content or not content.startswith((">", "+", "~"))


def _bracketed(text: str, opening: str = "[", closing: str = "]") -> str | None:
    """What stands in the brackets, or None where they do not hold exactly one value."""
    if not (text.startswith(opening) and text.endswith(closing)):
        return None
    content = text[1:-1]
    return content if _is_value(content) else None


def _is_value(content: str) -> bool:
    """A value is not blank (an underscore is a space) and has no ``;`` or closing bracket of its own."""
    if not content.strip("_ "):
        return False
    return split_outside_brackets(content, ";") == [content]


def split_outside_brackets(text: str, separator: str) -> list[str] | None:
    """``text`` cut at each ``separator`` that no bracket, quotation or backslash protects, in one pass.

    None where brackets do not close in the order in which they opened.
    """
    parts, expected, start, quote, escaped = [], list[str](), 0, "", False
    for index, character in enumerate(text):
        if escaped or character == "\\":
            escaped = not escaped
        elif quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in OPENING:
            expected.append(OPENING[character])
        elif character in ")]}":
            if not expected or expected.pop() != character:
                return None
        elif character == separator and not expected:
            parts.append(text[start:index])
            start = index + 1
    return None if expected else [*parts, text[start:]]
