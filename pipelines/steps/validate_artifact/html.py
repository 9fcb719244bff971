"""The html category: is the rendered module valid HTML?

Judged by the Nu validator where ``IRLINE_VNU_JAR`` names its jar and Java is there. Otherwise by justhtml's parse
errors and our own rules for what parsers forgive: unclosed, moved or unknown elements, nesting, ids, labels and
attributes.
"""

import re
from collections.abc import Iterator
from importlib.metadata import version

from pipelines.steps.validate_artifact import nu
from pipelines.steps.validate_artifact.attributes import attribute_findings
from pipelines.steps.validate_artifact.findings import Engine, Finding, Rule, Verdict
from pipelines.steps.validate_artifact.markup import MAX_SOURCE, Element, Markup, words
from pipelines.steps.validate_artifact.nesting import nesting_findings
from pipelines.steps.validate_artifact.scoring import score_of

PARSE_ERROR = Rule("parse-error", "html", "error", "Correct the markup so that it parses without an error.")
CUT = Rule("markup-cut", "html", "warning", f"Keep a module's markup well under {MAX_SOURCE:,} characters.")
UNCLOSED = Rule("element-unclosed", "html", "error", "Add the missing end tags.")
SELF_CLOSED = Rule(
    "element-self-closed", "html", "error", "Write a start and an end tag; only void elements may do without."
)
MOVED = Rule(
    "element-moved", "html", "error", "Put table content into cells; browsers move everything else out of the table."
)
UNKNOWN = Rule(
    "element-unknown", "html", "error", "Use an element of HTML, or a custom element with a dash in its name."
)
OBSOLETE = Rule("element-obsolete", "html", "error", "Replace obsolete elements by current ones and CSS.")
DUPLICATE_ID = Rule("id-duplicate", "html", "error", "Give each id to one element only.")
BAD_ID = Rule("id-invalid", "html", "error", "Give ids at least one character and no blanks.")
LABEL_TARGET = Rule("label-target", "html", "error", "Point each label's for at the id of a form control.")
REFERENCE = Rule("id-reference", "html", "error", "Point the attribute at the id of an element of this module.")
HEADING_SKIPPED = Rule("heading-skipped", "html", "warning", "Go down one heading level at a time.")
DOCTYPE = Rule("doctype", "html", "error", "Start the page with <!doctype html>.")

VOID = words("area base br col embed hr img input link meta param source track wbr")
END_TAG_OPTIONAL = words(
    "html head body li dt dd p rt rp optgroup option colgroup caption thead tbody tfoot tr td th",
)
OBSOLETE_ELEMENTS = words(
    """
    acronym applet basefont bgsound big blink center dir font frame frameset image isindex keygen listing marquee
    menuitem multicol nextid nobr noembed noframes param plaintext rb rtc spacer strike tt xmp
    """
)
CURRENT_ELEMENTS = words(
    """
    a abbr address area article aside audio b base bdi bdo blockquote body br button canvas caption cite code col
    colgroup data datalist dd del details dfn dialog div dl dt em embed fieldset figcaption figure footer form h1 h2 h3
    h4 h5 h6 head header hgroup hr html i iframe img input ins kbd label legend li link main map mark math menu meta
    meter nav noscript object ol optgroup option output p picture pre progress q rp rt ruby s samp script search section
    select selectedcontent slot small source span strong style sub summary sup svg table tbody td template textarea
    tfoot th thead time title tr track u ul var video wbr
    """
)
DOCTYPE_ERRORS = frozenset({"expected-doctype-but-got-chars", "expected-doctype-but-got-start-tag", "unknown-doctype"})
LABELABLE = words("button input meter output progress select textarea")
FORM_END = re.compile(r"</form(?=[\s/>])", re.IGNORECASE)
REFERENCES = ("aria-labelledby", "aria-describedby", "aria-controls", "aria-owns", "list", "headers")


def check_html(markup: Markup) -> Verdict:
    """Score the markup's validity; falls back to our own rules, and says so, where the Nu validator fails."""
    skipped = list(_skipped_headings(markup))
    judged = nu.validate(markup)
    if judged is not None and judged.findings is not None:
        findings = [*judged.findings, *skipped]
        return Verdict("html", score_of(findings), tuple(findings), judged.engine)
    findings = [*own_findings(markup), *skipped]
    note = judged.engine.note if judged else "Parse errors and irline's own rules; the Nu validator was not asked."
    engine = Engine("justhtml", version("justhtml"), note)
    return Verdict("html", score_of(findings), tuple(findings), engine)


def own_findings(markup: Markup) -> Iterator[Finding]:
    if markup.cut:
        yield CUT.at("rendered module", "Only the first part of the markup was read; the rest was not judged.")
    yield from _parse_errors(markup)
    yield from _moved(markup)
    yield from _unclosed_forms(markup)
    for element in markup.elements:
        if not element.foreign:
            yield from _tag_findings(element)
            yield from attribute_findings(element)
    yield from nesting_findings(markup)
    yield from _id_findings(markup)
    yield from _label_findings(markup)


def _parse_errors(markup: Markup) -> Iterator[Finding]:
    if markup.is_page and not markup.has_doctype:
        yield DOCTYPE.at("rendered page, line 1", "The page has no current doctype, so browsers use quirks mode.")
    for error in markup.errors:
        if not (error.code in DOCTYPE_ERRORS or (markup.cut and error.code.startswith("eof-"))):
            place = f"rendered module, line {error.line}, column {error.column}"
            yield PARSE_ERROR.at(place, f"{error.message} ({error.code}).")


def _moved(markup: Markup) -> Iterator[Finding]:
    """Elements written inside a table but outside its cells stand before it in the tree, against their offsets."""
    later = len(markup.source) + 1
    moved: set[Element] = set()
    for element in reversed(markup.elements):
        if element.offset > later:
            moved.add(element)
        elif element.offset >= 0:
            later = element.offset
    for element in markup.elements:
        if element in moved and element.parent not in moved:
            yield MOVED.at(element.place, f"<{element.name}> stands in a table outside its cells; the parser moved it.")


def _tag_findings(element: Element) -> Iterator[Finding]:
    name = element.name
    if name in OBSOLETE_ELEMENTS:
        yield OBSOLETE.at(element.place, f"<{name}> is obsolete.")
    elif name not in CURRENT_ELEMENTS and "-" not in name:
        yield UNKNOWN.at(element.place, f"<{name[:60]}> is not an element of HTML.")
    if not element.written or name in VOID:
        return
    if element.written.endswith("/>") and name not in {"svg", "math"}:
        yield SELF_CLOSED.at(element.place, f"<{name}/> does not close the element; HTML ignores the slash.")
    elif not (element.has_end_tag or name in END_TAG_OPTIONAL or name == "form"):
        yield UNCLOSED.at(element.place, f"<{name[:60]}> has no end tag of its own.")


def _unclosed_forms(markup: Markup) -> Iterator[Finding]:
    """justhtml does not say which form an end tag closed, so the last ones are taken to be open."""
    closed = len(FORM_END.findall(markup.source))
    for form in [*markup.named("form")][closed:]:
        yield UNCLOSED.at(form.place, "<form> has no end tag of its own.")


def _id_findings(markup: Markup) -> Iterator[Finding]:
    seen: set[str] = set()
    for element in markup.elements:
        if "id" not in element.attributes:
            continue
        identifier = element.attributes["id"]
        if not identifier or identifier.split() != [identifier]:
            yield BAD_ID.at(element.place, f'id="{identifier[:60]}" is empty or has blanks.')
        elif identifier in seen:
            count = markup.ids[identifier]
            yield DUPLICATE_ID.at(element.place, f'id="{identifier[:60]}" stands on {count} elements.')
        seen.add(identifier)


def _label_findings(markup: Markup) -> Iterator[Finding]:
    controls = {element.attributes.get("id") for element in markup.named(*LABELABLE) if element.get("type") != "hidden"}
    for label in markup.named("label"):
        if "for" in label.attributes and label.attributes["for"] not in controls:
            yield LABEL_TARGET.at(label.place, f'for="{label.attributes["for"][:60]}" names no form control.')
    for element in markup.elements:
        for attribute in REFERENCES:
            for identifier in element.attributes.get(attribute, "").split()[:100]:
                if identifier not in markup.ids:
                    yield REFERENCE.at(
                        element.place, f'{attribute} names the id "{identifier[:60]}", which is not here.'
                    )


def _skipped_headings(markup: Markup) -> Iterator[Finding]:
    for before, level, element in markup.skipped_headings():
        yield HEADING_SKIPPED.at(element.place, f"An h{level} follows an h{before}.")
