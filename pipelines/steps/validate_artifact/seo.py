"""The seo category: page-level search engine rules, so a module alone gets no score."""

from collections import Counter
from collections.abc import Iterator

from pipelines.steps.validate_artifact.findings import Engine, Finding, Rule, Severity, Verdict
from pipelines.steps.validate_artifact.markup import Element, Markup, text_of
from pipelines.steps.validate_artifact.scoring import score_of

RULES_VERSION = "1"
# Search results cut titles after about 60 characters and descriptions after about 160.
TITLE_LENGTH = (10, 60)
DESCRIPTION_LENGTH = (50, 160)
VAGUE_LINKS = frozenset({"click here", "here", "link", "more", "read more", "learn more", "this"})
OPEN_GRAPH = ("og:title", "og:description", "og:image")


def _rule(key: str, severity: Severity, remedy: str) -> Rule:
    return Rule(key, "seo", severity, remedy)


TITLE = _rule("title", "error", "Give the page one title.")
TITLE_SIZE = _rule("title-length", "warning", "Make the title 10 to 60 characters long.")
DESCRIPTION = _rule("description", "warning", "Add a meta description.")
DESCRIPTION_SIZE = _rule("description-length", "info", "Make the meta description 50 to 160 characters long.")
LANGUAGE = _rule("language", "warning", "Name the page's language in the lang attribute of html.")
VIEWPORT = _rule("viewport", "error", 'Add <meta name="viewport" content="width=device-width, initial-scale=1">.')
CANONICAL = _rule("canonical", "info", 'Add <link rel="canonical"> with the address of the page.')
MAIN_HEADING = _rule("main-heading", "warning", "Give the page exactly one h1.")
BLOCKED = _rule(
    "blocked-from-index", "error", "Take noindex off the robots tag, unless the page is to stay out of search."
)
VAGUE_LINK = _rule("vague-link", "warning", "Say in the link's text where it leads.")
UNCRAWLABLE_LINK = _rule("uncrawlable-link", "warning", "Give links a real address, and use buttons for actions.")
IMAGE_ALT = _rule("image-alt", "warning", "Give each image an alt text.")
SHARING = _rule("open-graph", "info", "Add og:title, og:description and og:image for shared links.")


def check_seo(markup: Markup) -> Verdict:
    if not markup.is_page:
        note = "Page-level rules do not apply to a module."
        return Verdict("seo", None, (), Engine("irline search rules", RULES_VERSION, note))
    findings = (*_head(markup), *_body(markup))
    return Verdict("seo", score_of(findings), findings, Engine("irline search rules", RULES_VERSION))


def _head(markup: Markup) -> Iterator[Finding]:
    yield from _title(markup)
    yield from _description(markup)
    root = next(markup.named("html"), None)
    if root is None or not root.get("lang"):
        yield LANGUAGE.at("rendered page: html", "The page does not say its language.")
    if "width" not in _meta(markup, "viewport"):
        yield VIEWPORT.at("rendered page: head", "The page has no viewport for small screens.")
    if not any("canonical" in link.get("rel").lower().split() for link in markup.named("link")):
        yield CANONICAL.at("rendered page: head", "The page does not name its own address.")
    if "noindex" in _meta(markup, "robots").lower():
        yield BLOCKED.at("rendered page: head", "The robots tag keeps the page out of search.")
    missing = [name for name in OPEN_GRAPH if not _meta(markup, name)]
    if missing:
        yield SHARING.at("rendered page: head", f"The page has no {', '.join(missing)}.")


def _title(markup: Markup) -> Iterator[Finding]:
    titles = [title for title in markup.named("title") if text_of(title)]
    if len(titles) != 1:
        yield TITLE.at("rendered page: head", f"The page has {len(titles)} titles.")
        return
    length = len(text_of(titles[0]))
    if not TITLE_LENGTH[0] <= length <= TITLE_LENGTH[1]:
        yield TITLE_SIZE.at(titles[0].place, f"The title is {length} characters long.")


def _description(markup: Markup) -> Iterator[Finding]:
    length = len(_meta(markup, "description"))
    if not length:
        yield DESCRIPTION.at("rendered page: head", "The page has no meta description.")
    elif not DESCRIPTION_LENGTH[0] <= length <= DESCRIPTION_LENGTH[1]:
        yield DESCRIPTION_SIZE.at("rendered page: head", f"The meta description is {length} characters long.")


def _body(markup: Markup) -> Iterator[Finding]:
    levels = Counter(level for level, _ in markup.headings)
    if levels[1] != 1:
        yield MAIN_HEADING.at("rendered page: body", f"The page has {levels[1]} h1 headings.")
    for link in markup.named("a"):
        yield from _link(link)
    for image in markup.named("img"):
        if "alt" not in image.attributes:
            yield IMAGE_ALT.at(image.place, "The image has no alt attribute.")


def _link(link: Element) -> Iterator[Finding]:
    text = text_of(link)
    if text.lower().rstrip(".…!»> ") in VAGUE_LINKS:
        yield VAGUE_LINK.at(link.place, f'The link says only "{text}".')
    if link.get("href").lower().startswith("javascript:"):
        yield UNCRAWLABLE_LINK.at(link.place, "The link runs a script instead of leading somewhere.")


def _meta(markup: Markup, name: str) -> str:
    for meta in markup.named("meta"):
        if name in {meta.get("name").lower(), meta.get("property").lower()}:
            return meta.get("content")
    return ""
