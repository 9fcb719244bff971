"""The part of CSS that decides where things lie: which declarations an element gets, and what they say in pixels.

Selectors of tags, classes, ids, children and descendants are understood, others are passed over; so are media queries
other than widths. All work is bounded: whatever exceeds the budget is as if it were not there.
"""

import ast
import operator
import re
from collections import ChainMap, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from pipelines.steps.layout_split.page import Element, word_set

MAX_CSS = 3_000_000
MAX_RULES = 30_000
MAX_MATCHES = 1_000_000
MAX_CLASSES = 40
MAX_VALUE = 300
MAX_LENGTH = 1e5
ROOT_FONT_SIZE = 16.0

PROPERTIES = word_set(
    "display visibility position width max-width min-height height margin-top margin-right margin-bottom "
    "margin-left padding-top padding-right padding-bottom padding-left font-size line-height flex-basis "
    "flex-grow flex-direction flex-wrap align-items grid-template-columns grid-column column-gap row-gap "
    "background-color background-image float left right"
)
SIDES = ("top", "right", "bottom", "left")

BROWSER_SHEET = """
head,script,style,noscript,template,title,meta,link,base,datalist,dialog,param,source,track,area,map{display:none}
html,body,div,p,h1,h2,h3,h4,h5,h6,ul,ol,li,dl,dt,dd,header,footer,main,nav,section,article,aside,figure,figcaption,
blockquote,pre,form,fieldset,address,hr,table,tbody,thead,tfoot,details,summary,hgroup,search,center{display:block}
tr{display:flex} td,th{flex:1 1 0;padding:1px}
body{margin:8px}
h1{font-size:2em;margin:.67em 0} h2{font-size:1.5em;margin:.83em 0} h3{font-size:1.17em;margin:1em 0}
h4{margin:1.33em 0} h5{font-size:.83em;margin:1.67em 0} h6{font-size:.67em;margin:2.33em 0}
p,dl,pre{margin:1em 0} ul,ol{margin:1em 0;padding-left:40px} dd{margin-left:40px}
blockquote,figure{margin:1em 40px} hr{margin:8px 0;height:2px} small{font-size:.83em}
img,svg,video,canvas,iframe,object,embed,picture,audio{display:inline-block}
button,input,select,textarea{display:inline-block;font-size:13.333px;padding:1px 6px}
"""

BLOCK = re.compile(r"([^{}]*)([{}])")
COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
COMPOUND = re.compile(
    r"(?P<tag>\*|[a-z][\w-]*)?(?P<names>(?:[.#](?:[\w-]|\\.)+)*)(?P<without>(?::not\([.#][\w-]+\))*)", re.IGNORECASE
)
NAME = re.compile(r"([.#])((?:[\w-]|\\.)+)")
MEDIA_WIDTH = re.compile(r"\(\s*(min|max)-width\s*:\s*([\d.]+)(px|em|rem)\s*\)")
VARIABLE = re.compile(r"var\(\s*(--[\w-]+)\s*(?:,([^()]*))?\)")
LENGTH = re.compile(r"(-?\d*\.?\d+)(px|rem|em|vh|vw|%|pt)?(?![\w.])", re.IGNORECASE)
OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


@dataclass(frozen=True, slots=True)
class Compound:
    """What a selector asks of one element: a tag ("" for any), and ids ("#a") and classes (".a") or their lack."""

    tag: str
    names: frozenset[str]
    without: frozenset[str]

    def fits(self, element: Element, names: frozenset[str]) -> bool:
        return (not self.tag or self.tag == element.tag) and self.names <= names and not self.without & names


@dataclass(frozen=True, slots=True)
class Rule:
    """``steps`` are compounds from the element outwards, each with the combinator to its right (" ", ">")."""

    steps: tuple[tuple[Compound, str], ...]
    rank: tuple[int, int, int, int]
    declarations: Mapping[str, tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class Computed:
    """An element's declared values, its variables, and its font and line height in pixels."""

    values: Mapping[str, str]
    variables: Mapping[str, str]
    font_size: float
    line_height: float
    viewport: tuple[float, float]

    def get(self, name: str, default: str = "") -> str:
        return self.values.get(name, default)

    def length(self, name: str, base: float, default: float = 0.0) -> float:
        """A property in pixels; ``base`` is what 100 % means. ``default`` for ``auto`` and what is not understood."""
        found = to_pixels(self.get(name), self.font_size, base, self.viewport)
        return default if found is None else found

    def sides(self, name: str, base: float) -> tuple[float, float, float, float]:
        """``margin`` or ``padding`` in pixels: top, right, bottom, left; ``auto`` is 0."""
        top, right, bottom, left = (self.length(f"{name}-{side}", base) for side in SIDES)
        return top, right, bottom, left


class Cascade:
    """The style sheets of one page at one viewport."""

    def __init__(self, sheets: list[str], width: float, height: float) -> None:
        self.viewport = (width, height)
        self._rules: dict[str, list[Rule]] = defaultdict(list)
        self._matches_left = MAX_MATCHES
        for rule in islice(self._parse([BROWSER_SHEET, *sheets]), MAX_RULES):
            self._rules[_index_key(rule.steps[0][0])].append(rule)

    def _parse(self, sheets: list[str]) -> Iterator[Rule]:
        order = 0
        for prelude, body in rules_of("\n".join(sheets)[:MAX_CSS], self.viewport[0]):
            declarations = declarations_of(body)
            for selector in prelude.split(",") if declarations else ():
                order += 1
                if (steps := _steps(selector.strip())) is not None:
                    yield Rule(steps, (*_specificity(steps), order), declarations)

    def compute(self, element: Element, names: frozenset[str], parent: Computed | None) -> Computed:
        """``names`` are the element's classes and id, as ``names_of`` gives them."""
        declared: dict[str, tuple[bool, tuple[int, ...], str]] = {}
        for rule in self._candidates(element, names):
            for name, (value, important) in rule.declarations.items():
                _keep_stronger(declared, name, (important, rule.rank, value))
        for name, (value, important) in declarations_of(element.get("style") or "").items():
            _keep_stronger(declared, name, (important, (9, 0, 0, 0), value))
        return self._resolve({name: value for name, (_, _, value) in declared.items()}, parent)

    def _candidates(self, element: Element, names: frozenset[str]) -> Iterator[Rule]:
        for key in ("*", str(element.tag), *names):
            for rule in self._rules.get(key, ()):
                self._matches_left -= 1
                if self._matches_left <= 0:
                    return
                if self._matches(rule, element, names):
                    yield rule

    def _matches(self, rule: Rule, element: Element, names: frozenset[str]) -> bool:
        if not rule.steps[0][0].fits(element, names):
            return False
        current = element.getparent()
        for compound, combinator in rule.steps[1:]:
            while current is not None and not compound.fits(current, names_of(current)):
                self._matches_left -= 1
                current = None if combinator == ">" else current.getparent()
            if current is None:
                return False
            current = current.getparent()
        return True

    def _resolve(self, declared: Mapping[str, str], parent: Computed | None) -> Computed:
        own = {name: value for name, value in declared.items() if name.startswith("--")}
        inherited = parent.variables if parent else {}
        variables: Mapping[str, str] = ChainMap(own, dict(inherited)) if own else inherited
        values = {name: substitute(value, variables) for name, value in declared.items() if name not in own}
        outer_size = parent.font_size if parent else ROOT_FONT_SIZE
        size = to_pixels(values.get("font-size", ""), outer_size, outer_size, self.viewport)
        font_size = outer_size if size is None else min(max(size, 1.0), 400.0)
        line = values.get("line-height", "")
        ratio = parent.line_height / parent.font_size if parent else 1.2
        if re.fullmatch(r"\d*\.?\d+", line):
            ratio = float(line)
        elif (pixels := to_pixels(line, font_size, font_size, self.viewport)) is not None:
            ratio = pixels / font_size
        return Computed(values, variables, font_size, ratio * font_size, self.viewport)


def names_of(element: Element) -> frozenset[str]:
    """An element's classes with a leading dot, and its id with a leading ``#``."""
    classes = (element.get("class") or "").split()[:MAX_CLASSES]
    identity = element.get("id")
    return frozenset([f".{name}" for name in classes] + ([f"#{identity}"] if identity else []))


def rules_of(css: str, width: float) -> Iterator[tuple[str, str]]:
    """Selector list and declarations of every rule that holds at a viewport of ``width``."""
    applies: list[bool] = []
    prelude = ""
    for text, bracket in BLOCK.findall(COMMENT.sub("", css)):
        if bracket == "{":
            prelude = text.rpartition(";")[2].strip()
            applies.append(_applies(prelude, width) if prelude.startswith("@") else True)
        elif applies:
            if all(applies) and prelude and not prelude.startswith("@"):
                yield prelude, text
            applies.pop()
            prelude = ""


def _applies(prelude: str, width: float) -> bool:
    if prelude.startswith(("@supports", "@layer")):
        return True
    if not prelude.startswith("@media") or re.search(r"\b(?:print|prefers-|not)\b", prelude):
        return False
    limits = [
        (kind, float(number) * (1 if unit == "px" else 16)) for kind, number, unit in MEDIA_WIDTH.findall(prelude)
    ]
    return all(width >= limit if kind == "min" else width <= limit for kind, limit in limits)


def declarations_of(text: str) -> dict[str, tuple[str, bool]]:
    """Longhand property to its value and whether it is important, for the properties that matter here."""
    found: dict[str, tuple[str, bool]] = {}
    for declaration in text.split(";"):
        name, colon, value = declaration.partition(":")
        name, value = name.strip().lower(), value.strip()
        if not colon or not value or len(value) > MAX_VALUE:
            continue
        important = value.lower().endswith("!important")
        value = value[: -len("!important")].strip() if important else value
        for longhand, part in _longhands(name, value):
            found[longhand] = (part, important)
    return found


def _longhands(name: str, value: str) -> Iterator[tuple[str, str]]:
    if name in PROPERTIES or name.startswith("--"):
        yield name, value
    elif name in ("margin", "padding"):
        parts = re.findall(r"(?:[\w-]*\((?:[^()]|\([^()]*\))*\)|\S)+", value)[:4]
        top, right, bottom, left = (
            parts[i] for i in ((0,) * 4, (0, 1) * 2, (0, 1, 2, 1), (0, 1, 2, 3))[len(parts) - 1]
        )
        yield from zip((f"{name}-{side}" for side in SIDES), (top, right, bottom, left), strict=True)
    elif name == "gap":
        yield from (("row-gap", value.split()[0]), ("column-gap", value.split()[-1]))
    elif name == "flex":
        yield from _flex(value.split())
    elif name == "background":
        yield ("background-image" if "url(" in value or "gradient" in value else "background-color"), value
    elif name == "inset":
        yield from (("left", value.split()[-1]), ("right", value.split()[-1]))


def _flex(parts: list[str]) -> Iterator[tuple[str, str]]:
    if parts[0] in ("auto", "none"):
        parts = ["1" if parts[0] == "auto" else "0", "1", "auto"]
    yield "flex-grow", parts[0]
    yield "flex-basis", parts[-1] if len(parts) == 3 else "0%"


def _steps(selector: str) -> tuple[tuple[Compound, str], ...] | None:
    """A selector from its right to its left, or None where it says more than is understood here."""
    pieces = re.sub(r"\s*>\s*", " > ", selector).split()
    steps: list[tuple[Compound, str]] = []
    combinator = " "
    for piece in reversed(pieces):
        if piece == ">":
            combinator = ">"
            continue
        compound = _compound("html" if piece == ":root" else piece)
        if compound is None:
            return None
        steps.append((compound, combinator))
        combinator = " "
    return tuple(steps) or None


def _compound(text: str) -> Compound | None:
    found = COMPOUND.fullmatch(text)
    if found is None or not text:
        return None
    tag = (found["tag"] or "").lower().strip("*")
    return Compound(tag, _names_in(found["names"]), _names_in(found["without"]))


def _names_in(text: str) -> frozenset[str]:
    return frozenset(kind + re.sub(r"\\(.)", r"\1", name) for kind, name in NAME.findall(text))


def _specificity(steps: tuple[tuple[Compound, str], ...]) -> tuple[int, int, int]:
    names = [name for compound, _ in steps for name in compound.names | compound.without]
    ids = sum(name.startswith("#") for name in names)
    return ids, len(names) - ids, sum(bool(compound.tag) for compound, _ in steps)


def _index_key(compound: Compound) -> str:
    return min(compound.names) if compound.names else compound.tag or "*"


def _keep_stronger(
    declared: dict[str, tuple[bool, tuple[int, ...], str]], name: str, new: tuple[bool, tuple[int, ...], str]
) -> None:
    if name not in declared or new[:2] >= declared[name][:2]:
        declared[name] = new


def substitute(value: str, variables: Mapping[str, str]) -> str:
    """A value with its ``var()``s filled in, to a depth of eight."""
    for _ in range(8):
        filled = VARIABLE.sub(lambda found: variables.get(found[1], found[2] or ""), value)
        if filled == value or len(filled) > MAX_VALUE:
            break
        value = filled
    return value


def to_pixels(value: str, font_size: float, base: float, viewport: tuple[float, float]) -> float | None:
    """A length in pixels; None for keywords and for arithmetic beyond ``calc`` with the four operators."""
    if not value or len(value) > MAX_VALUE:
        return None
    units = {"px": 1.0, "rem": ROOT_FONT_SIZE, "em": font_size, "%": base / 100, "pt": 4 / 3}
    units |= {"vw": viewport[0] / 100, "vh": viewport[1] / 100}
    if plain_length := LENGTH.fullmatch(value):
        return max(
            -MAX_LENGTH, min(MAX_LENGTH, float(plain_length[1]) * units.get((plain_length[2] or "").lower(), 1.0))
        )
    plain = LENGTH.sub(lambda f: f"{float(f[1]) * units.get((f[2] or '').lower(), 1.0):.6f}", value.replace("calc", ""))
    if not re.fullmatch(r"[-+*/().\d\s]+", plain):
        return None
    try:
        return max(-MAX_LENGTH, min(MAX_LENGTH, _evaluate(ast.parse(plain.strip(), mode="eval").body)))
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError, RecursionError, MemoryError):
        return None


def _evaluate(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_evaluate(inner)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            result: float = OPERATORS[type(op)](_evaluate(left), _evaluate(right))
            return result
    raise ValueError("not arithmetic")
