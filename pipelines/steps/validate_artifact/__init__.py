"""The step ``validate_artifact``: one module in, scores from 0 to 100, a grade, findings and advice out.

Each category is a module of this package and gives one ``Verdict``; ``scoring`` turns verdicts into the overall score.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from pipelines.steps.contract import Reporter, StepContext, StepError, StepResult, ValidationResultOutput
from pipelines.steps.validate_artifact.accessibility import check_accessibility
from pipelines.steps.validate_artifact.findings import Finding, Verdict, by_weight
from pipelines.steps.validate_artifact.html import check_html
from pipelines.steps.validate_artifact.hubspot import check_hubspot
from pipelines.steps.validate_artifact.markup import Markup, parse_markup
from pipelines.steps.validate_artifact.performance import check_performance
from pipelines.steps.validate_artifact.scoring import grade_of, overall_score, recommendations
from pipelines.steps.validate_artifact.seo import check_seo
from pipelines.steps.validate_artifact.tailwind import check_tailwind

__all__ = ["validate_artifact"]

MAX_FINDINGS = 500
MAX_DETAILS = 50

Subject = Literal["module", "page"]


def validate_artifact(context: StepContext) -> StepResult:
    """Judge the module in ``context.item`` (a ``module_generate`` IR).

    Params: ``subject`` is ``module`` (default) or ``page``, for rendered HTML that is a whole page; ``rendering`` is
    ``auto`` (default: axe in Chromium, where there is one) or ``never``.

    Gives one ``ValidationResultOutput`` for each category. Raises ``StepError`` for a param or an item it can't use.
    """
    subject: Subject = _choice(context.params, "subject", ("module", "page"))
    rendering: Literal["auto", "never"] = _choice(context.params, "rendering", ("auto", "never"))
    generated = _generated_module(context.item)
    markup = parse_markup(generated["renderedHtml"], page=subject == "page")
    verdicts = _verdicts(markup, generated, rendering, context.reporter)
    return StepResult(
        ir=_ir(markup, verdicts, subject=subject, name=generated["module"]["name"]),
        outputs=[_output(verdict, _artifact_id(context)) for verdict in verdicts],
    )


def _choice(params: Mapping[str, Any], name: str, allowed: tuple[Any, ...]) -> Any:
    value = params.get(name, allowed[0])
    if value not in allowed:
        raise StepError("param-invalid", f"The param {name} is {value!r}; use {' or '.join(allowed)}.")
    return value


def _generated_module(item: Any) -> Mapping[str, Any]:
    if not (isinstance(item, Mapping) and isinstance(item.get("module"), Mapping) and "renderedHtml" in item):
        message = "There is no generated module to validate; let this node run forEach over a module_generate node."
        raise StepError("module-missing", message)
    return item


def _verdicts(
    markup: Markup, generated: Mapping[str, Any], rendering: Literal["auto", "never"], reporter: Reporter
) -> list[Verdict]:
    module = generated["module"]
    checks: list[Callable[[], Verdict]] = [
        lambda: check_html(markup),
        lambda: check_accessibility(markup, css=module["css"], rendering=rendering),
        lambda: check_performance(markup, module=module, kind=generated["kind"]),
        lambda: check_hubspot(markup, module, tokens=generated["tokens"]),
        lambda: check_seo(markup),
        lambda: check_tailwind(markup, css=module["css"]),
    ]
    verdicts = []
    for done, check in enumerate(checks):
        reporter.progress(done, len(checks))
        verdicts.append(check())
    scores = (f"{each.category} {'n/a' if each.score is None else format(each.score, 'g')}" for each in verdicts)
    reporter.log(", ".join(scores))
    return verdicts


def _ir(markup: Markup, verdicts: Sequence[Verdict], *, subject: Subject, name: str) -> dict[str, Any]:
    scores = {verdict.category: verdict.score for verdict in verdicts}
    overall = overall_score(scores)
    findings = by_weight(finding for verdict in verdicts for finding in verdict.findings)
    return {
        "irVersion": "1.0",
        "subject": {"kind": subject, "name": name},
        "scores": scores,
        "overall": overall,
        "grade": grade_of(overall),
        "findings": [finding.as_json() for finding in findings[:MAX_FINDINGS]],
        "findingCount": len(findings),
        "recommendations": recommendations(verdicts),
        "engines": [verdict.as_engine_json() for verdict in verdicts],
        "markup": {
            "errors": _count(verdicts[0].findings, "error"),
            "elements": len(markup.elements),
        },
    }


def _output(verdict: Verdict, artifact_id: str | None) -> ValidationResultOutput:
    return ValidationResultOutput(
        validator=verdict.category,
        status=_status(verdict),
        message=_message(verdict),
        details={
            "score": verdict.score,
            "engine": verdict.as_engine_json(),
            "findingCount": len(verdict.findings),
            "findings": [finding.as_json() for finding in by_weight(verdict.findings)[:MAX_DETAILS]],
        },
        artifact_id=artifact_id,
    )


def _status(verdict: Verdict) -> str:
    if verdict.score is None:
        return "not_applicable"
    if _count(verdict.findings, "error"):
        return "failed"
    return "warning" if _count(verdict.findings, "warning") else "passed"


def _message(verdict: Verdict) -> str:
    if verdict.score is None:
        return verdict.engine.note or "Does not apply."
    errors, warnings = _count(verdict.findings, "error"), _count(verdict.findings, "warning")
    return f"{verdict.score:g} of 100, {errors} errors, {warnings} warnings."


def _count(findings: Sequence[Finding], severity: str) -> int:
    return sum(1 for finding in findings if finding.severity == severity)


def _artifact_id(context: StepContext) -> str | None:
    """The generated artifact behind the item: the one its producer made at the same map index."""
    for produced in context.sources.values():
        for entry in produced:
            identifiers = entry.get("GeneratedArtifact")
            if entry.get("mapIndex") == context.map_index and identifiers:
                return str(identifiers[0])
    return None
