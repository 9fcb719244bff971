"""Which attributes an HTML element may carry, and what they may say: tables from the HTML Living Standard."""

import re
from collections.abc import Iterator

from pipelines.steps.validate_artifact.findings import Finding, Rule
from pipelines.steps.validate_artifact.markup import Element, words

OBSOLETE = Rule("attribute-obsolete", "html", "error", "Replace presentational attributes by CSS.")
UNKNOWN = Rule(
    "attribute-unknown", "html", "error", "Remove attributes HTML does not know, or give them a data- prefix."
)
FRAMEWORK = Rule(
    "attribute-framework", "html", "warning", "Load the script that gives the framework's attributes their meaning."
)
DUPLICATE = Rule("attribute-duplicate", "html", "error", "Write each attribute of a tag once.")
MISSING = Rule("attribute-missing", "html", "error", "Add the attribute without which the element has no meaning.")
BAD_VALUE = Rule("attribute-value", "html", "error", "Give the attribute a value that HTML allows.")
NAMING = Rule(
    "aria-name-prohibited", "html", "error", "Give the element a role, or take its aria-label or aria-labelledby off."
)

GLOBAL = words(
    """
    accesskey autocapitalize autocorrect autofocus class contenteditable dir draggable enterkeyhint exportparts hidden
    id inert inputmode is itemid itemprop itemref itemscope itemtype lang nonce part popover role slot spellcheck style
    tabindex title translate writingsuggestions xmlns
    about content datatype inlist prefix property rel resource rev typeof vocab
    """
)
FREE_PREFIXES = ("data-", "aria-", "on", "xml:", "xlink:")
# Alpine, Vue, htmx, Livewire and Angular: invalid HTML, but written on purpose.
FRAMEWORK_PREFIXES = ("x-", ":", "@", "v-", "hx-", "wire:", "ng-", "*ng", "(", "[", "#")
MEDIA = "autoplay controls crossorigin loop muted preload src"
CONTROL = "disabled form name"
SUBMITTER = "formaction formenctype formmethod formnovalidate formtarget"
BY_ELEMENT = {
    name: words(attributes)
    for name, attributes in {
        "a": "download href hreflang ping referrerpolicy target type",
        "area": "alt coords download href ping referrerpolicy shape target",
        "audio": MEDIA,
        "base": "href target",
        "blockquote": "cite",
        "button": f"{CONTROL} {SUBMITTER} command commandfor popovertarget popovertargetaction type value",
        "canvas": "height width",
        "col": "span",
        "colgroup": "span",
        "data": "value",
        "del": "cite datetime",
        "details": "name open",
        "dialog": "closedby open",
        "embed": "height src type width",
        "fieldset": CONTROL,
        "form": "accept-charset action autocomplete enctype method name novalidate target",
        "iframe": "allow allowfullscreen height loading name referrerpolicy sandbox src srcdoc width",
        "img": "alt crossorigin decoding fetchpriority height ismap loading referrerpolicy sizes src srcset "
        "usemap width",
        "input": f"{CONTROL} {SUBMITTER} accept alpha alt autocomplete capture checked colorspace dirname height list "
        "max maxlength min minlength multiple pattern placeholder popovertarget popovertargetaction readonly required "
        "size src step type value width",
        "ins": "cite datetime",
        "label": "for",
        "li": "value",
        "link": "as blocking color crossorigin disabled fetchpriority href hreflang imagesizes imagesrcset integrity "
        "media referrerpolicy sizes type",
        "map": "name",
        "meta": "charset http-equiv media name",
        "meter": "high low max min optimum value",
        "object": "data form height name type width",
        "ol": "reversed start type",
        "optgroup": "disabled label",
        "option": "disabled label selected value",
        "output": "for form name",
        "progress": "max value",
        "q": "cite",
        "script": "async blocking crossorigin defer fetchpriority integrity nomodule referrerpolicy src type",
        "select": f"{CONTROL} autocomplete multiple required size",
        "slot": "name",
        "source": "height media sizes src srcset type width",
        "style": "blocking media",
        "td": "colspan headers rowspan",
        "template": "shadowrootclonable shadowrootcustomelementregistry shadowrootdelegatesfocus shadowrootmode "
        "shadowrootserializable",
        "textarea": f"{CONTROL} autocomplete cols dirname maxlength minlength placeholder readonly required rows wrap",
        "th": "abbr colspan headers rowspan scope",
        "time": "datetime",
        "track": "default kind label src srclang",
        "video": f"{MEDIA} height playsinline poster width",
    }.items()
}
PRESENTATIONAL = {
    "align": frozenset(
        {"div", "p", "img", "table", "td", "th", "tr", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "iframe"}
    ),
    "background": frozenset({"body", "table", "td"}),
    "bgcolor": frozenset({"body", "table", "td", "th", "tr"}),
    "border": frozenset({"img", "object", "table"}),
    "cellpadding": frozenset({"table"}),
    "cellspacing": frozenset({"table"}),
    "frameborder": frozenset({"iframe"}),
    "height": frozenset({"table", "td", "th", "tr"}),
    "hspace": frozenset({"img"}),
    "marginheight": frozenset({"iframe"}),
    "marginwidth": frozenset({"iframe"}),
    "name": frozenset({"a", "img"}),
    "nowrap": frozenset({"td", "th"}),
    "scrolling": frozenset({"iframe"}),
    "valign": frozenset({"td", "th", "tr"}),
    "vspace": frozenset({"img"}),
    "width": frozenset({"table", "td", "th", "hr", "col"}),
}
REQUIRED = {"img": ("src", "srcset"), "track": ("src",), "optgroup": ("label",), "bdo": ("dir",)}
ENUMERATED = {
    ("button", "type"): frozenset({"submit", "reset", "button"}),
    ("input", "type"): words(
        """
        button checkbox color date datetime-local email file hidden image month number password radio range reset search
        submit tel text time url week
        """
    ),
    ("form", "method"): frozenset({"get", "post", "dialog"}),
    ("img", "loading"): frozenset({"lazy", "eager"}),
    ("iframe", "loading"): frozenset({"lazy", "eager"}),
    ("th", "scope"): frozenset({"row", "col", "rowgroup", "colgroup"}),
}
PIXEL_ELEMENTS = frozenset({"img", "video", "iframe", "canvas", "embed", "object", "source"})
URL_ATTRIBUTES = frozenset({"href", "src", "action"})

# Elements of the generic and paragraph-like roles, which ARIA 1.2 does not let authors name.
UNNAMEABLE = words("b bdi bdo caption code del div em i ins p pre q s samp small span strong sub sup time u")

# A longer tag, with a picture in it perhaps, is not searched for duplicates: that may take quadratic time.
MAX_TAG = 4_000
WRITTEN_ATTRIBUTE = re.compile(r"""[\s/]([^\s"'<>/=]+)(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'=<>`]+))?""")
PIXELS = re.compile(r"\d+")
UNSAFE_IN_URL = re.compile(r"[\s\\<>\"{}|^`]")


def attribute_findings(element: Element) -> Iterator[Finding]:
    """What is wrong with the attributes of one HTML element."""
    name = element.name
    for attribute in sorted(_duplicates(element)):
        yield DUPLICATE.at(element.place, f'"{attribute[:60]}" is written more than once; the first counts.')
    required = REQUIRED.get(name)
    if required and not any(element.get(attribute) for attribute in required):
        yield MISSING.at(element.place, f'<{name}> needs "{required[0]}" with a value.')
    if name in UNNAMEABLE and "role" not in element.attributes:
        for attribute in sorted(element.attributes.keys() & {"aria-label", "aria-labelledby"}):
            yield NAMING.at(element.place, f'"{attribute}" may not stand on a <{name}> without a role.')
    for attribute, value in element.attributes.items():
        if name in PRESENTATIONAL.get(attribute, ()):
            yield OBSOLETE.at(element.place, f'"{attribute}" is obsolete on <{name}>.')
        elif attribute.startswith(FRAMEWORK_PREFIXES):
            yield FRAMEWORK.at(element.place, f'"{attribute[:60]}" means nothing to HTML, only to a script.')
        elif not _is_known(name, attribute):
            yield UNKNOWN.at(element.place, f'HTML knows no attribute "{attribute[:60]}" on <{name[:60]}>.')
        else:
            yield from _value_findings(element, attribute, value)


def _is_known(name: str, attribute: str) -> bool:
    if "-" in name or attribute in GLOBAL or attribute.startswith(FREE_PREFIXES):
        return True
    return attribute in BY_ELEMENT.get(name, ())


def _value_findings(element: Element, attribute: str, value: str) -> Iterator[Finding]:
    name = element.name
    allowed = ENUMERATED.get((name, attribute))
    if allowed is not None and value.strip().lower() not in allowed:
        yield BAD_VALUE.at(element.place, f'{attribute}="{value[:60]}" is none of {", ".join(sorted(allowed))}.')
    if attribute in {"width", "height"} and name in PIXEL_ELEMENTS and not PIXELS.fullmatch(value):
        yield BAD_VALUE.at(
            element.place, f'{attribute}="{value[:60]}" must be a whole number of pixels without a unit.'
        )
    if attribute in URL_ATTRIBUTES and UNSAFE_IN_URL.search(value.strip()) and not _is_inline(value):
        yield BAD_VALUE.at(element.place, f'{attribute}="{value[:60]}" has a character that URLs must escape.')


def _is_inline(url: str) -> bool:
    return url.lstrip()[:11].lower().startswith(("data:", "javascript:"))


def _duplicates(element: Element) -> set[str]:
    """Attribute names that the start tag has more than once; the tree keeps only the first of each."""
    if len(element.written) > MAX_TAG:
        return set()
    seen: set[str] = set()
    twice: set[str] = set()
    for match in WRITTEN_ATTRIBUTE.finditer(element.written, len(element.name) + 1):
        attribute = match[1].lower()
        (twice if attribute in seen else seen).add(attribute)
    return twice
