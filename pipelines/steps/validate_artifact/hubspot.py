"""The hubspot category: would HubSpot take the module, and could an editor and the marketplace use it?

HubL, ``fields.json`` and ``meta.json`` are judged by ``pipelines.hubspot``; the marketplace's rules are checked here.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import tinycss2

from pipelines.hubspot.fields import Field, check_fields, check_meta, default_values, leaf_paths
from pipelines.hubspot.template import HublRenderError, HublSyntaxError, HublTemplate, parse_hubl
from pipelines.steps.validate_artifact.findings import Engine, Finding, Rule, Severity, Verdict
from pipelines.steps.validate_artifact.markup import Markup
from pipelines.steps.validate_artifact.scoring import score_of

RULES_VERSION = "1"
MIN_LABEL = 3
MIN_EDITABLE_SHARE = 0.5
MIN_TOKENS = 5

# What ``module`` has beside the module's own fields.
BUILT_IN_PATHS = frozenset({"module_id", "label", "path", "name"})


def _rule(key: str, severity: Severity, remedy: str, *, fatal: bool = False) -> Rule:
    return Rule(key, "hubspot", severity, remedy, fatal)


HUBL = _rule("hubl-syntax", "error", "Correct the HubL so that HubSpot can read the module.", fatal=True)
RENDER = _rule("hubl-render", "warning", "Correct the HubL so that the module renders with its defaults.")
FIELDS = _rule("fields-schema", "error", "Correct fields.json so that HubSpot accepts it.")
META = _rule("meta-schema", "error", "Correct meta.json so that HubSpot accepts it.")
FIELD_UNKNOWN = _rule("field-unknown", "error", "Add the field that the template reads, or correct its name.")
FIELD_UNUSED = _rule("field-unused", "warning", "Use the field in the template, or remove it.")
PAGE_ELEMENTS = _rule("page-elements", "error", "Take html, head and body out of the module; the page has them.")
MODULE_LABEL = _rule("module-label", "warning", "Give the module a label that says what it shows.")
FIELD_LABEL = _rule("field-label", "warning", "Give each field a label that an editor understands.")
LOREM = _rule("placeholder-text", "warning", "Replace placeholder text by default content that shows the module's use.")
ICON = _rule("icon", "warning", "Add an icon to the module, which the marketplace asks for.")
HELP = _rule("inline-help", "info", "Add inline help to fields whose use is not plain from their labels.")
UNAVAILABLE = _rule("not-available", "warning", "Set is_available_for_new_content, or no editor will find the module.")
HARD_CODED = _rule("hard-coded-text", "warning", "Turn fixed text into fields, so that editors can change it.")
JQUERY = _rule("jquery", "info", "Write module.js without jQuery; not every site loads it.")
GLOBAL_STYLES = _rule("global-styles", "warning", "Start every selector of module.css with a class of the module.")

# A field may be called "Text", but a second one needs a better name than "Text 2".
VAGUE_LABEL = re.compile(
    r"(?:my |new |custom |untitled )?(?:module|section|block|part|untitled|field|item|group|value|label|element)"
    r"[ _-]?\d*|text[ _-]?\d+",
    re.IGNORECASE,
)
PLACEHOLDER = re.compile(r"\blorem ipsum\b|\bdolor sit amet\b", re.IGNORECASE)
PAGE_TAG = re.compile(r"<(html|head|body)(?=[\s/>])", re.IGNORECASE)
JQUERY_CALL = re.compile(r"\bjQuery\b|(?<![\w$.])\$\s*\(")
MAX_CSS = 100_000
GROUPING_RULES = frozenset({"media", "supports", "layer"})


def check_hubspot(markup: Markup, module: Mapping[str, Any], *, tokens: Mapping[str, int]) -> Verdict:
    """Score the module's folder; ``tokens`` counts the rendered words and those that come from fields."""
    findings = (
        *_fields_and_template(module),
        *(META.at(_place("meta.json", problem.place), f"{problem.message}.") for problem in check_meta(module["meta"])),
        *_labels(module),
        *_marketplace(module),
        *_content(markup, tokens),
        *_code(module),
    )
    engine = Engine("irline HubL dialect and schemas", RULES_VERSION, "HubSpot itself was not asked.")
    return Verdict("hubspot", score_of(findings), findings, engine)


def _fields_and_template(module: Mapping[str, Any]) -> Iterator[Finding]:
    problems = check_fields(module["fields"])
    for problem in problems:
        yield FIELDS.at(_place("fields.json", problem.place), f"{problem.message}.")
    try:
        template = parse_hubl(module["html"])
        if not problems:
            template.render(default_values(module["fields"]))
    except HublSyntaxError as error:
        yield HUBL.at(_line("module.html", error.line), f"{error.message}.")
        return
    except HublRenderError as error:
        yield RENDER.at(_line("module.html", error.line), f"irline could not render it: {error.message}.")
    if not problems:
        yield from _usage(template, module["fields"])


def _usage(template: HublTemplate, fields: Sequence[Field]) -> Iterator[Finding]:
    """Fields that only one of template and ``fields.json`` knows."""
    leaves = set(leaf_paths(fields))
    groups = {leaf[:depth] for leaf in leaves for depth in range(1, len(leaf))}
    for path in sorted(template.field_paths):
        is_leaf = any(path[:depth] in leaves for depth in range(1, len(path) + 1))
        if not (is_leaf or path in groups or path[0] in BUILT_IN_PATHS):
            yield FIELD_UNKNOWN.at(
                "module.html", f'The template reads "module.{".".join(path)[:100]}", which is no field.'
            )
    for leaf in sorted(leaves):
        if not template.reads(leaf):
            yield FIELD_UNUSED.at(_place("fields.json", ".".join(leaf)), "The template does not read this field.")


def _labels(module: Mapping[str, Any]) -> Iterator[Finding]:
    label = module["meta"].get("label") or module["label"]
    if _is_vague(label):
        yield MODULE_LABEL.at("meta.json: label", f'"{label[:60]}" does not say what the module shows.')
    for path, field in _named_fields(module["fields"]):
        label = str(field.get("label", ""))
        if field.get("type") != "group" and _is_vague(label):
            yield FIELD_LABEL.at(_place("fields.json", path), f'"{label[:60]}" does not say what the field is for.')


def _marketplace(module: Mapping[str, Any]) -> Iterator[Finding]:
    meta = module["meta"]
    if not meta.get("icon"):
        yield ICON.at("meta.json: icon", "The module has no icon.")
    if meta.get("is_available_for_new_content") is False:
        yield UNAVAILABLE.at("meta.json: is_available_for_new_content", "Editors cannot add the module to a page.")
    fields = [field for _, field in _named_fields(module["fields"]) if field.get("type") != "group"]
    helped = sum(1 for field in fields if field.get("inline_help_text") or field.get("help_text"))
    if fields and not helped:
        yield HELP.at("fields.json", f"None of {len(fields)} fields has inline help.")


def _content(markup: Markup, tokens: Mapping[str, int]) -> Iterator[Finding]:
    if PLACEHOLDER.search(markup.source):
        yield LOREM.at("rendered module", "The default content holds placeholder text (lorem ipsum).")
    total, from_fields = tokens["total"], tokens["fromFields"]
    if total >= MIN_TOKENS and from_fields < MIN_EDITABLE_SHARE * total:
        yield HARD_CODED.at("module.html", f"Of {total} words only {from_fields} come from fields.")


def _code(module: Mapping[str, Any]) -> Iterator[Finding]:
    tag = PAGE_TAG.search(module["html"])
    if tag is not None:
        line = module["html"].count("\n", 0, tag.start()) + 1
        yield PAGE_ELEMENTS.at(_line("module.html", line), f"The module brings a <{tag[1].lower()}> of its own.")
    if JQUERY_CALL.search(module["js"]):
        yield JQUERY.at("module.js", "The code calls jQuery.")
    bare = next(_bare_selectors(module["css"]), None)
    if bare is not None:
        yield GLOBAL_STYLES.at("module.css", f'The selector "{bare}" styles the whole page.')


def _bare_selectors(css: str) -> Iterator[str]:
    """The first element of each selector that names no class, id or attribute, from the first 100,000 characters."""
    pending = tinycss2.parse_stylesheet(css[:MAX_CSS], skip_comments=True, skip_whitespace=True)[::-1]
    while pending:
        rule = pending.pop()
        if rule.type == "at-rule" and rule.lower_at_keyword in GROUPING_RULES and rule.content:
            pending.extend(tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)[::-1])
        elif rule.type == "qualified-rule":
            yield from _bare_heads(rule.prelude)


def _bare_heads(prelude: Sequence[Any]) -> Iterator[str]:
    for is_comma, parts in groupby(prelude, key=lambda part: part == ","):
        selector = [part for part in parts if part.type != "whitespace"]
        if is_comma or not selector or not {part.type for part in selector} <= {"ident", "literal"}:
            continue
        if "." not in selector and (selector[0].type == "ident" or selector[0] == "*"):
            yield str(selector[0].value)


def _named_fields(fields: Sequence[Field]) -> Iterator[tuple[str, Field]]:
    """Every field and group with its path of names, without recursion, as nothing has vouched for its depth."""
    pending: list[tuple[str, Field]] = [(str(field.get("name", "")), field) for field in reversed(fields)]
    while pending:
        path, field = pending.pop()
        yield path, field
        for child in reversed(field.get("children") or []):
            pending.append((f"{path}.{child.get('name', '')}"[-200:], child))


def _is_vague(label: str) -> bool:
    stripped = label.strip()
    return len(stripped) < MIN_LABEL or VAGUE_LABEL.fullmatch(stripped) is not None


def _place(file: str, path: str) -> str:
    return f"{file}: {path}" if path else file


def _line(file: str, line: int | None) -> str:
    return f"{file}, line {line}" if line else file
