"""What a part is for: header, hero, pricing and so on, by weighing what it holds and where it lies.

Structure and landmarks weigh most, the words of its heading next; class names are hints that alone decide nothing.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain

from metrics.boxes import Box
from pipelines.steps.layout_split.page import HEADING_TAGS, Node, collapse
from pipelines.steps.layout_split.segmentation import Block, landmark

MONEY = re.compile(r"(?:[$€£¥]\s?\d|\d\s?(?:€|£|USD|EUR|GBP))", re.IGNORECASE)
PERIOD = re.compile(r"(?:/|\bper\b|\ba\b)\s*(?:mo|month|year|yr|week|user|seat)\b", re.IGNORECASE)
RIGHTS = re.compile(r"©|\(c\)|copyright|all rights reserved", re.IGNORECASE)
QUOTED = re.compile(r"""^["“„«'‘].{20,}""")
FIGURE = re.compile(r"^[+~<>$€£]?\s?\d[\d.,\s]{0,11}\s?(?:%|\+|k|m|x|bn|/7)?\+?$", re.IGNORECASE)
QUESTION = re.compile(r"\?\s*$")

KIND_WORDS: dict[str, frozenset[str]] = {
    "header": frozenset({"navbar", "navigation", "menu", "topbar"}),
    "hero": frozenset({"hero", "masthead", "jumbotron", "banner", "intro"}),
    "features": frozenset({"feature", "features", "service", "services", "benefits", "skills", "why", "solutions"}),
    "gallery": frozenset({"portfolio", "gallery", "projects", "works", "showcase", "products", "shop"}),
    "testimonials": frozenset({"testimonial", "testimonials", "reviews", "quote", "quotes"}),
    "pricing": frozenset({"pricing", "price", "prices", "plans"}),
    "faq": frozenset({"faq", "faqs", "questions"}),
    "cta": frozenset({"cta", "newsletter", "subscribe", "signup", "download", "action"}),
    "form": frozenset({"contact", "form", "touch", "register", "login", "enquiry"}),
    "team": frozenset({"team", "people", "staff", "founders", "members"}),
    "logos": frozenset({"logos", "partners", "brands", "sponsors", "clients", "trusted"}),
    "stats": frozenset({"stats", "statistics", "counter", "counters", "numbers"}),
    "footer": frozenset({"footer", "copyright"}),
}


@dataclass(slots=True)
class Traits:
    """What is counted of one part. Lengths are in characters, shares are 0..1."""

    landmarks: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    heading: str = ""
    has_title: bool = False
    text: str = ""
    texts: list[str] = field(default_factory=list)
    pictures: int = 0
    tallest_picture: float = 0.0
    icons: int = 0
    links: int = 0
    link_share: float = 0.0
    buttons: int = 0
    fields: int = 0
    passages: int = 0
    has_form: bool = False
    folds: int = 0
    quotes: int = 0
    items: int = 0
    item_headings: int = 0
    item_pictures: int = 0
    is_early: bool = False
    is_first: bool = False
    is_last: bool = False
    follows_header: bool = False
    at_top: bool = False
    height: float = 0.0
    has_background_picture: bool = False

    @property
    def opens(self) -> bool:
        """Whether it is what a visitor sees first below the navigation."""
        return self.is_first or self.follows_header

    @property
    def is_brief(self) -> bool:
        return len(self.text) < 800

    @property
    def is_pictorial(self) -> bool:
        """Whether its pictures say more than its words."""
        return self.pictures > 0 and len(self.text) < 120 * self.pictures

    @property
    def heading_words(self) -> frozenset[str]:
        return frozenset(re.findall(r"[a-z]+", self.heading.lower()))

    @property
    def prices(self) -> int:
        return sum(bool(MONEY.search(text)) for text in self.texts)

    @property
    def figures(self) -> int:
        return sum(bool(FIGURE.match(text)) and not MONEY.search(text) for text in self.texts)

    @property
    def questions(self) -> int:
        return sum(bool(QUESTION.search(text)) for text in self.texts)


@dataclass(frozen=True, slots=True)
class Evidence:
    """``weight`` points towards ``kind`` where ``holds``."""

    kind: str
    weight: float
    holds: Callable[[Traits], bool]


EVIDENCE = (
    Evidence("header", 4, lambda t: "nav" in t.landmarks and t.at_top and not t.has_title),
    Evidence("header", 2, lambda t: "header" in t.landmarks and t.at_top and not t.has_title and t.height < 250),
    Evidence("header", 2, lambda t: t.at_top and t.links >= 2 and t.link_share > 0.5 and t.height < 250),
    Evidence("header", 3, lambda t: "nav" in t.landmarks and t.is_early and t.link_share > 0.5),
    Evidence("footer", 5, lambda t: "footer" in t.landmarks),
    Evidence("footer", 3, lambda t: t.is_last and bool(RIGHTS.search(t.text)) and t.is_brief and t.fields < 2),
    Evidence("footer", 1, lambda t: t.is_last and t.link_share > 0.4),
    Evidence("hero", 3, lambda t: t.has_title and t.opens and t.is_brief and t.items < 3),
    Evidence("hero", 2, lambda t: "header" in t.landmarks and not t.is_last and (t.height >= 250 or t.has_title)),
    Evidence("hero", 2, lambda t: t.opens and t.height >= 250 and t.is_brief and t.items < 3 and t.fields < 2),
    Evidence("hero", 1.5, lambda t: t.opens and t.is_brief and (t.buttons > 0 or t.has_background_picture)),
    Evidence("features", 2.5, lambda t: t.items >= 2 and t.item_headings >= 2 and not t.is_pictorial),
    Evidence("features", 1.5, lambda t: t.items >= 3 and t.icons >= 2),
    Evidence("gallery", 2.5, lambda t: t.items >= 3 and t.item_pictures >= 3 and t.is_pictorial),
    Evidence("gallery", 1, lambda t: t.pictures >= 4 and t.is_pictorial),
    Evidence("testimonials", 3, lambda t: t.quotes > 0 and t.quotes >= t.items / 2),
    Evidence("pricing", 5, lambda t: t.prices >= 2 and bool(PERIOD.search(t.text))),
    Evidence("faq", 3, lambda t: t.folds >= 2 and t.questions + t.folds >= 3),
    Evidence("faq", 2, lambda t: t.questions >= 3),
    Evidence("form", 3, lambda t: t.fields >= 2 and (t.has_form or t.passages > 0)),
    Evidence("form", 1.5, lambda t: t.passages > 0 or t.fields >= 3),
    Evidence("cta", 3, lambda t: t.fields == 1 and t.items < 3 and len(t.text) < 400),
    Evidence("cta", 2.5, lambda t: t.buttons in (1, 2) and 0 < len(t.text) < 250 and t.items < 3),
    Evidence("cta", 1, lambda t: t.items < 2 and t.pictures == 0 and 0 < len(t.text) < 160 and t.fields == 0),
    Evidence("team", 1, lambda t: t.items >= 2 and t.item_pictures >= 2 and len(t.text) < 100 * t.items),
    Evidence("logos", 4, lambda t: t.pictures >= 3 and len(t.text) < 80 and t.tallest_picture <= MAX_LOGO_HEIGHT),
    Evidence("stats", 3, lambda t: t.figures >= 3 and t.figures >= len(t.texts) / 4),
    Evidence("content", 2, lambda t: len(t.text) > 200),
    Evidence("content", 1, lambda t: bool(t.heading) and t.items < 2),
    Evidence("content", 1, lambda t: len(t.text) > 1200),
    Evidence("other", 0.5, lambda t: True),
)
HEADING_WEIGHT = 3.0
CLASS_WEIGHT = 1.5
MAX_LOGO_HEIGHT = 130  # CSS pixels
MIN_ITEM_WIDTH = 80  # CSS pixels


def classify(blocks: Sequence[Block]) -> list[tuple[str, float]]:
    """The kind of every block, with a confidence of 0..1: how far it leads over the runner-up."""
    answers: list[tuple[str, float]] = []
    for index, block in enumerate(blocks):
        traits = read_traits(block)
        traits.at_top = block.box.y < 150
        traits.is_early = index <= 2
        traits.is_first, traits.is_last = index == 0, index == len(blocks) - 1
        traits.follows_header = index > 0 and all(kind == "header" for kind, _ in answers)
        answers.append(_decide(traits))
    return answers


def _decide(traits: Traits) -> tuple[str, float]:
    scores: dict[str, float] = defaultdict(float)
    for evidence in EVIDENCE:
        if evidence.holds(traits):
            scores[evidence.kind] += evidence.weight
    for kind, words in KIND_WORDS.items():
        scores[kind] += HEADING_WEIGHT * bool(words & traits.heading_words and kind not in ("header", "hero", "footer"))
        scores[kind] += CLASS_WEIGHT * bool(words & traits.classes)
    _rule_out(traits, scores)
    (kind, best), (_, second) = Counter(scores).most_common(2)
    return kind, round(min(0.99, 0.35 + 0.65 * (best - second) / best), 2)


def _rule_out(traits: Traits, scores: dict[str, float]) -> None:
    """Words alone don't make a form without a field, or a gallery without a picture."""
    impossible = {
        "form": traits.fields == 0,
        "gallery": traits.pictures == 0,
        "logos": traits.pictures < 2,
        "team": traits.items < 2,
        "pricing": traits.prices == 0,
        "stats": traits.figures == 0,
        "header": not (traits.at_top or traits.is_early) or traits.links == 0,
        "features": traits.items < 2,
    }
    for kind, is_impossible in impossible.items():
        if is_impossible:
            scores[kind] = 0.0


def read_traits(block: Block) -> Traits:
    nodes = list(chain.from_iterable(node.walk() for node in block.nodes))
    tags = Counter(node.tag for node in nodes)
    outer = _outer_nodes(block)
    texts = [text for node in nodes if (text := node.own_text)]
    traits = Traits(
        landmarks=frozenset(kind for node in outer if (kind := landmark(node))),
        classes=frozenset(chain.from_iterable(node.words for node in outer)),
        heading=heading_of(block) or "",
        has_title=tags["h1"] > 0,
        text=" ".join(texts),
        texts=texts,
        pictures=tags["img"] + tags["picture"] + tags["video"],
        tallest_picture=max((node.box.height for node in nodes if node.tag == "img"), default=0.0),
        icons=tags["svg"] + sum(node.tag in ("i", "span") and not node.own_text for node in nodes),
        links=tags["a"],
        buttons=sum(_is_button(node) for node in nodes),
        fields=sum(_is_field(node) for node in nodes),
        passages=tags["textarea"],
        has_form=tags["form"] > 0,
        folds=tags["summary"] + sum(bool(node.attribute("aria-expanded")) for node in nodes),
        quotes=tags["blockquote"] + sum(bool(QUOTED.match(text)) for text in texts),
        height=block.box.height,
        has_background_picture=any("picture" in node.style.background for node in outer),
    )
    linked = sum(len(n.own_text) for node in nodes if node.tag == "a" for n in node.walk())
    traits.link_share = min(1.0, linked / max(1, len(traits.text)))
    _read_items(block, traits)
    return traits


def _outer_nodes(block: Block) -> list[Node]:
    """The block's nodes and what each wraps alone."""
    found: list[Node] = []
    for node in block.nodes:
        found.append(node)
        while len(node.children) == 1 and not node.own_text:
            node = node.children[0]
            found.append(node)
    return found


def _read_items(block: Block, traits: Traits) -> None:
    """The largest family of nodes built alike at one depth, which is what cards, plans and people are."""
    families: dict[tuple[object, ...], list[Node]] = defaultdict(list)
    waiting = [(node, 0) for node in block.nodes]
    while waiting:
        node, depth = waiting.pop()
        if node.children and node.box.width >= MIN_ITEM_WIDTH:
            families[depth, node.tag, *(child.tag for child in node.children)].append(node)
        waiting.extend((child, depth + 1) for child in node.children)
    repeated = [family for family in families.values() if len(family) > 1]
    best = max(repeated, key=lambda family: sum(item.box.area for item in family), default=[])
    below = [list(item.walk()) for item in best]
    traits.items = len(best)
    traits.item_headings = sum(any(node.tag in HEADING_TAGS for node in item) for item in below)
    traits.item_pictures = sum(any(node.tag in ("img", "picture", "video") for node in item) for item in below)


def _is_button(node: Node) -> bool:
    is_named = bool(node.words & {"btn", "button"})
    return node.tag == "button" or (node.tag == "a" and (is_named or node.attribute("role") == "button"))


def _is_field(node: Node) -> bool:
    types = ("hidden", "submit", "button", "image", "reset", "checkbox", "radio")
    return node.tag in ("select", "textarea") or (node.tag == "input" and node.attribute("type").lower() not in types)


def heading_of(block: Block) -> str | None:
    """The text of the block's highest heading, the first of them; None where it has none."""
    nodes = [node for top in block.nodes for node in top.walk()]
    headings = [node for node in nodes if node.tag in HEADING_TAGS]
    for heading in sorted(headings, key=lambda node: node.tag):
        text = collapse(" ".join(node.own_text for node in heading.walk()))
        if text:
            return text[:500]
    return None


def classify_boxes(boxes: Sequence[Box], size: Box) -> list[tuple[str, float]]:
    """Kinds by place alone, for parts of a picture, whose content can't be read: rarely sure of anything."""
    answers: list[tuple[str, float]] = []
    for index, box in enumerate(boxes):
        share = box.height / size.width
        is_top = box.y < 0.01 * size.height
        if is_top and share < 0.12 and len(boxes) > 1:
            answers.append(("header", 0.6))
        elif index == len(boxes) - 1 and len(boxes) > 2 and share < 0.35:
            answers.append(("footer", 0.5))
        elif (is_top or index == 1) and share >= 0.2 and "hero" not in dict(answers):
            answers.append(("hero", 0.4))
        else:
            answers.append(("content", 0.3))
    return answers
