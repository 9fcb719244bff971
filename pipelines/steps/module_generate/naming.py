"""What fields and groups are called: told from tags, class names and the part's kind."""

import re
from itertools import islice

from lxml import html

from pipelines.hubspot.fields import RESERVED_NAMES
from pipelines.steps.module_generate.nodes import Role

_TAG_ROLES = {
    "h1": Role("heading", "Heading", "The section's main heading."),
    "h2": Role("heading", "Heading", "The section's heading."),
    "h3": Role("title", "Title", "A short title."),
    "h4": Role("title", "Title", "A short title."),
    "h5": Role("title", "Title", "A short title."),
    "h6": Role("title", "Title", "A short title."),
    "blockquote": Role("quote", "Quote", "The words of a customer or author."),
    "button": Role("button_text", "Button text", "The words on the button."),
    "caption": Role("caption", "Caption", "A line that explains the picture or table."),
    "cite": Role("author", "Author", "Who is quoted."),
    "figcaption": Role("caption", "Caption", "A line that explains the picture or table."),
    "input": Role("input_hint", "Input hint", "Shown inside the empty input."),
    "label": Role("input_label", "Input label", "Names the input beside it."),
    "legend": Role("legend", "Legend", "Names a group of inputs."),
    "p": Role("paragraph", "Paragraph", "A paragraph of plain text."),
    "li": Role("entry_text", "Entry text", "The words of this line of the list."),
    "option": Role("option", "Option", "One choice of the list."),
    "small": Role("note", "Note", "Small print."),
    "summary": Role("question", "Question", "The line that opens and closes the answer."),
    "td": Role("cell", "Table cell", "One cell of the table."),
    "textarea": Role("input_hint", "Input hint", "Shown inside the empty input."),
    "th": Role("column_title", "Column title", "Names a column of the table."),
    "time": Role("date", "Date", "When it happened or was published."),
}
_CLASS_ROLES = (
    (re.compile(r"price|amount|cost"), Role("price", "Price", "The price as visitors read it.")),
    (re.compile(r"badge|tag\b|pill|chip"), Role("badge", "Badge", "A word or two that mark the item.")),
    (re.compile(r"date|time\b"), Role("date", "Date", "When it happened or was published.")),
    (re.compile(r"author|person"), Role("author", "Author", "Whose words or work this is.")),
    (re.compile(r"position|job|designation"), Role("position", "Position", "What the person does.")),
    (re.compile(r"lead\b|sub-?(title|heading)|tagline|intro"), Role("subheading", "Subheading", "Under the heading.")),
    (re.compile(r"title|heading|headline|display-"), Role("title", "Title", "A short title.")),
    (re.compile(r"brand|site-?name"), Role("brand", "Brand name", "The name of the company or site.")),
    (re.compile(r"stat|count|number|figure"), Role("figure", "Figure", "A number worth showing.")),
    (re.compile(r"quote|testimonial"), Role("quote", "Quote", "The words of a customer or author.")),
    (re.compile(r"copyright"), Role("copyright", "Copyright line", "Shown at the foot of the page.")),
)
_BUTTON = re.compile(r"\bbtn\b|\bbutton\b|\bcta\b")
# A class name says more than these tags do.
_PLAIN_TAGS = frozenset({"li", "p"})
_TEXT = Role("text", "Line of text", "Plain text shown to visitors.")
_RICH_TEXT = Role("rich_text", "Formatted text", "Text with formatting and links.")
_LINK_TEXT = Role("link_text", "Link text", "The words of the link.")
_BUTTON_TEXT = _TAG_ROLES["button"]

_GROUP_ROLES_BY_TAG = {
    "a": Role("links", "Links", "One entry for each link."),
    "article": Role("articles", "Articles", "One entry for each article."),
    "button": Role("buttons", "Buttons", "One entry for each button."),
    "dd": Role("entries", "Entries", "One entry for each line of the list."),
    "dt": Role("entries", "Entries", "One entry for each line of the list."),
    "figure": Role("figures", "Figures", "One entry for each figure."),
    "img": Role("images", "Images", "One entry for each image."),
    "li": Role("list_entries", "List entries", "One entry for each line of the list."),
    "option": Role("options", "Options", "One entry for each choice of the list."),
    "p": Role("paragraphs", "Paragraphs", "One entry for each paragraph."),
    "section": Role("sections", "Sections", "One entry for each section."),
    "td": Role("cells", "Table cells", "One entry for each cell of the row."),
    "th": Role("columns", "Table columns", "One entry for each column of the table."),
    "tr": Role("rows", "Table rows", "One entry for each row of the table."),
}
_GROUP_ROLES_BY_KIND = {
    "faq": Role("questions", "Questions", "One entry for each question with its answer."),
    "features": Role("features", "Features", "One entry for each feature."),
    "gallery": Role("pictures", "Pictures", "One entry for each picture."),
    "logos": Role("logos", "Logos", "One entry for each logo."),
    "pricing": Role("plans", "Plans", "One entry for each plan."),
    "stats": Role("figures", "Figures", "One entry for each figure."),
    "team": Role("members", "Team members", "One entry for each person."),
    "testimonials": Role("testimonials", "Testimonials", "One entry for each testimonial."),
}
_GROUP_ROLES_BY_CLASS = (
    (re.compile(r"nav|menu"), Role("menu_links", "Menu links", "One entry for each link of the menu.")),
    (re.compile(r"breadcrumb"), Role("breadcrumbs", "Breadcrumbs", "One entry for each step of the path.")),
    (re.compile(r"accordion"), Role("questions", "Questions", "One entry for each question with its answer.")),
    (re.compile(r"carousel|slide"), Role("slides", "Slides", "One entry for each slide.")),
    (re.compile(r"\bcard"), Role("cards", "Cards", "One entry for each card.")),
    (re.compile(r"\bbtn|button"), Role("buttons", "Buttons", "One entry for each button.")),
    (re.compile(r"social"), Role("social_links", "Social links", "One entry for each network.")),
    (re.compile(r"\brow\b"), Role("rows", "Rows", "One entry for each row.")),
    (re.compile(r"\bcol"), Role("columns", "Columns", "One entry for each column.")),
)
_DRAWN_NAMES = {"br": "line break", "hr": "line", "i": "icon", "svg": "icon"}
_ENTRIES = Role("entries", "Entries", "One entry for each repeated block.")
_SINGULARS = {"entries": "entry", "list_entries": "entry", "gallery": "picture", "series": "part"}

IMAGE = Role("image", "Image", "Choose the image, and describe it in its alternative text.")
BACKGROUND_IMAGE = Role("background_image", "Background image", "Shown behind the content.")
LOGO = Role("logo", "Logo", "The company's logo; its alternative text is the company's name.")
LINK = Role("link", "Link", "Where the link leads.")
BUTTON_LINK = Role("button_link", "Button link", "Where the button leads.")
FRAME = Role("frame_url", "Embedded page address", "The address of the page, map or video shown in the frame.")
FORM = Role("form", "Form", "Choose a HubSpot form; until then the design's own form is shown without a function.")


def text_role(element: html.HtmlElement, *, rich: bool = False) -> Role:
    """What the text of ``element`` is for; a span speaks for the button or heading around it."""
    for near in (element, *_nearest(element, 2)):
        if near.tag == "a":
            return _BUTTON_TEXT if is_button(near) else _LINK_TEXT
        if near.tag in _TAG_ROLES and near.tag not in _PLAIN_TAGS:
            return _TAG_ROLES[str(near.tag)]
    if role := _by_class(element):
        return role
    return _RICH_TEXT if rich else _TAG_ROLES.get(str(element.tag), _TEXT)


def attribute_role(element: html.HtmlElement, name: str) -> Role:
    """A field for an attribute that differs between the items of a repeater."""
    if name == "class":
        is_icon = element.tag in ("i", "span", "em") and not len(element) and not (element.text or "").strip()
        if is_icon:
            return Role("icon_class", "Icon", "The class names of the icon, such as bi-star.")
        return Role("style_class", "Style class", "Class names that give this entry its own look.")
    readable = re.sub(r"[^a-z0-9]+", " ", name.lower()).strip() or "attribute"
    return Role(field_name(f"{element.tag}_{readable}"), f"{readable.capitalize()} attribute", f"The {name} attribute.")


def switch_role(element: html.HtmlElement) -> Role:
    """A switch for an element that only some items have."""
    drawn = next((near for near in element.iter("i", "svg", "br", "hr") if near is element or len(element) == 1), None)
    name = _DRAWN_NAMES[str(drawn.tag)] if drawn is not None else text_role(element).name
    readable = "detail" if name == "text" else name.replace("_", " ")
    return Role(f"show_{readable.replace(' ', '_')}", f"Show {readable}", "Switch this part of the entry on or off.")


def link_role(element: html.HtmlElement) -> Role:
    return BUTTON_LINK if is_button(element) else LINK


def image_role(element: html.HtmlElement) -> Role:
    said = " ".join((element.get("class", ""), element.get("alt", ""), element.get("src", "")[-80:])).lower()
    return LOGO if "logo" in said else IMAGE


def group_role(element: html.HtmlElement, kind: str, *, outermost: bool) -> Role:
    """What a repeater of elements like ``element`` holds."""
    is_compound = len(list(islice(element.iter(), 3))) > 2
    if outermost and kind in _GROUP_ROLES_BY_KIND and (is_compound or element.tag in ("img", "figure")):
        return _GROUP_ROLES_BY_KIND[kind]
    if element.tag in ("a", "button") and is_button(element):
        return _GROUP_ROLES_BY_TAG["button"]
    classes = " ".join(near.get("class", "") for near in (element, *element[:1])).lower()
    for pattern, role in _GROUP_ROLES_BY_CLASS:
        if pattern.search(classes):
            return role
    return _GROUP_ROLES_BY_TAG.get(str(element.tag), _ENTRIES)


def is_button(element: html.HtmlElement) -> bool:
    return element.tag == "button" or element.get("role") == "button" or bool(_BUTTON.search(element.get("class", "")))


def field_name(text: str) -> str:
    """A field name of at most 40 characters made from any text."""
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:40].strip("_")
    if not name or not name[0].isalpha():
        name = f"field_{name}".strip("_")
    return f"{name}_field" if name in RESERVED_NAMES else name


def singular(name: str) -> str:
    """The loop variable for a group: ``card`` for ``cards_2``."""
    plain = re.sub(r"_\d+$", "", name)
    if plain in _SINGULARS:
        return _SINGULARS[plain]
    return plain[:-1] if plain.endswith("s") and len(plain) > 3 else f"{plain}_entry"


def _nearest(element: html.HtmlElement, count: int) -> list[html.HtmlElement]:
    ancestors: list[html.HtmlElement] = []
    for ancestor in element.iterancestors():
        if len(ancestors) == count or (len(ancestor) > 1 and ancestor.tag not in ("a", "button")):
            break
        ancestors.append(ancestor)
    return ancestors


def _by_class(element: html.HtmlElement) -> Role | None:
    classes = element.get("class", "").lower()
    return next((role for pattern, role in _CLASS_ROLES if pattern.search(classes)), None) if classes else None
