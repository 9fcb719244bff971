"""The step ``module_generate``: one part of a split design in, a HubSpot module out."""

from collections.abc import Mapping
from typing import Any

from pipelines.hubspot.module import HubspotModule
from pipelines.steps.contract import (
    GeneratedArtifactOutput,
    ModuleTemplateOutput,
    OutputFile,
    StepContext,
    StepError,
    StepResult,
)
from pipelines.steps.module_generate.deterministic import DETERMINISTIC
from pipelines.steps.module_generate.draft import Draft, Generator, Part
from pipelines.steps.module_generate.meta import (
    complexity,
    count_fields,
    describe,
    module_category,
    module_label,
    module_meta,
)

IR_VERSION = "1.0"
GENERATORS: Mapping[str, Generator] = {DETERMINISTIC.name: DETERMINISTIC}
_MAX_NOTES = 100
_LONGEST_NOTE = 500


def module_generate(context: StepContext) -> StepResult:
    """Make a module of ``context.item``, one part of a ``layout_split`` IR.

    Params: ``provider`` (``deterministic``). Raises ``StepError``: ``part-missing``, ``part-without-content``,
    ``part-too-large``, ``provider-unknown``.
    """
    generator = _generator(context.params.get("provider") or DETERMINISTIC.name)
    part = _part(context)
    draft = generator.generate(part)
    label = module_label(part.kind, part.heading, draft.fields)
    description = describe(part.kind, draft.fields)
    module = HubspotModule(
        name=part.key,
        html=draft.html,
        css=draft.css,
        fields=draft.fields,
        meta=module_meta(part.kind, label, description),
    )
    context.reporter.log(f"{module.folder}: {count_fields(draft.fields)} fields")
    return StepResult(
        ir=_ir(part, module, draft, generator),
        outputs=_outputs(part, module, description),
        usage=draft.usage,
    )


def _generator(provider: Any) -> Generator:
    if provider not in GENERATORS:
        known = ", ".join(sorted(GENERATORS))
        raise StepError("provider-unknown", f"module_generate has no provider {provider!r}; it knows {known}.")
    return GENERATORS[provider]


def _part(context: StepContext) -> Part:
    item = context.item
    if not isinstance(item, Mapping) or not item.get("key"):
        raise StepError("part-missing", "module_generate works on one part of a split; run it with forEach over them.")
    html = item.get("html")
    if not (html or "").strip():
        html = None
    if html is None and not item.get("image"):
        raise StepError(
            "part-without-content", f"Part {item['key']} has neither HTML nor a picture; check the split before it."
        )
    return Part(
        key=item["key"],
        kind=item.get("kind") or "other",
        label=item.get("label") or item["key"],
        heading=item.get("heading"),
        html=html,
        image=item.get("image"),
        design=context.design,
    )


def _ir(part: Part, module: HubspotModule, draft: Draft, generator: Generator) -> dict[str, Any]:
    return {
        "irVersion": IR_VERSION,
        "partKey": part.key,
        "kind": part.kind,
        "module": {
            "name": module.name,
            "label": module.meta["label"],
            "html": module.html,
            "css": module.css,
            "js": module.js,
            "fields": list(module.fields),
            "meta": dict(module.meta),
        },
        "sourceHtml": draft.source_html,
        "renderedHtml": draft.rendered_html,
        "tokens": {"total": draft.tokens.total, "fromFields": draft.tokens.from_fields},
        "generator": {"name": generator.name, "version": generator.version},
        "notes": [note[:_LONGEST_NOTE] for note in draft.notes[:_MAX_NOTES]],
    }


def _outputs(
    part: Part, module: HubspotModule, description: str
) -> tuple[ModuleTemplateOutput, GeneratedArtifactOutput]:
    label = module.meta["label"]
    return (
        ModuleTemplateOutput(
            key=part.key,
            name=label,
            description=description,
            category=module_category(part.kind),
            html_content=module.html,
            css_content=module.css,
            js_content=module.js,
            complexity=complexity(module.fields),
            tags=("hubspot", part.kind),
        ),
        GeneratedArtifactOutput(
            key=part.key,
            type="hubspot_module",
            content=module.html,
            meta={
                "name": module.name,
                "label": label,
                "fieldCount": count_fields(module.fields),
                "partKey": part.key,
            },
            files=tuple(OutputFile(path, content) for path, content in module.files().items()),
            module_key=part.key,
        ),
    )
