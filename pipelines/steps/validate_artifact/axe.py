"""axe-core on the rendered module, in the Chromium that ``designs.rendering`` keeps warm."""

import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from pipelines.designs.rendering import RenderingError, find_browser, render_html
from pipelines.steps.validate_artifact.findings import Engine, Finding, Severity, shorten
from pipelines.steps.validate_artifact.markup import Markup

if TYPE_CHECKING:
    from playwright.async_api import Page

TIMEOUT_S = 15.0
MAX_SUMMARY = 800
SEVERITIES: Mapping[str, Severity] = {"critical": "error", "serious": "error", "moderate": "warning", "minor": "info"}

# These judge a page, which a module alone is not.
PAGE_RULES = (
    "bypass", "document-title", "html-has-lang", "landmark-one-main", "page-has-heading-one", "region",
)  # fmt: skip

RUN = """options => axe.run(document, options).then(report => ({
    version: report.testEngine.version,
    violations: report.violations.map(({id, impact, help, helpUrl, nodes}) => ({
        id, impact, help, helpUrl,
        nodes: nodes.map(({target, failureSummary}) => ({target: target.flat().join(" "), failureSummary})),
    })),
}))"""

# The module's own scripts stay off, so that none of them can hold or disturb the check.
DOCUMENT = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="script-src 'none'"><title>Module</title>
<style>{css}</style></head><body>{body}</body></html>"""


@dataclass(frozen=True, slots=True)
class AxeReport:
    engine: Engine
    findings: tuple[Finding, ...]


def run_axe(markup: Markup, *, css: str, remedies: Mapping[str, str]) -> AxeReport | str:
    """axe's findings, or a sentence that says why axe could not be used.

    ``remedies`` maps axe's rules to sentences of ours; other rules keep axe's own.
    """
    if markup.cut:
        return "The markup is too large for axe."
    if importlib.util.find_spec("axe_playwright_python") is None or find_browser() is None:
        return "There is no Chromium here, so axe could not be used."
    try:
        rendered = render_html(_document(markup, css), _measure(markup.is_page), timeout_s=TIMEOUT_S)
    except RenderingError as error:
        return f"axe could not be used: {error}"
    report = rendered.value
    findings = tuple(finding for violation in report["violations"] for finding in _findings(violation, remedies))
    browser, version = rendered.engine
    return AxeReport(Engine("axe-core", report["version"], f"in {browser} {version}"), findings)


def _document(markup: Markup, css: str) -> str:
    if markup.is_page:
        return markup.source
    # A style element ends at the first "</style"; in CSS the backslash changes nothing.
    return DOCUMENT.format(css=css.replace("</", "<\\/"), body=markup.source)


def _measure(is_page: bool) -> Any:
    script = _axe_script()
    disabled = () if is_page else PAGE_RULES
    options = {"resultTypes": ["violations"], "rules": {rule: {"enabled": False} for rule in disabled}}

    async def measure(page: "Page") -> dict[str, Any]:
        await page.evaluate(script)
        report: dict[str, Any] = await page.evaluate(RUN, options)
        return report

    return measure


@cache
def _axe_script() -> str:
    """axe-core as axe-playwright-python brings it."""
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def _findings(violation: Mapping[str, Any], remedies: Mapping[str, str]) -> Iterator[Finding]:
    rule = violation["id"]
    severity = SEVERITIES.get(violation["impact"], "warning")
    remedy = remedies.get(rule) or f"{violation['help']}."
    reference = violation["helpUrl"].partition("?")[0]
    for node in violation["nodes"]:
        summary = " ".join((node["failureSummary"] or violation["help"]).split())
        message = f"{shorten(summary, MAX_SUMMARY)} See {reference}."
        yield Finding(f"axe/{rule}", "accessibility", severity, f"rendered module: {node['target']}", message, remedy)
