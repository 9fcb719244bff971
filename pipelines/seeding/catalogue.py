"""The shipped steps, metrics, profiles, pipeline, prompts and guidelines, as data."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Step:
    key: str
    name: str
    description: str
    default_config: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Metric:
    key: str
    name: str
    unit: str
    direction: str
    description: str
    target: float | None = None
    aggregation: str = "avg"


@dataclass(frozen=True, slots=True)
class Profile:
    """``thresholds`` maps a metric's key to the value at which it passes, or None for no verdict."""

    key: str
    name: str
    thresholds: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Process:
    """An AI process with the first version of its prompt, whose answers the schema file describes."""

    key: str
    name: str
    prompt: str
    schema: str


@dataclass(frozen=True, slots=True)
class Guideline:
    ref_id: str
    text: str


STEPS = (
    Step("layout_split", "Split the layout", "Cuts a page or a picture into its parts.", {"rendering": "auto"}),
    Step("module_generate", "Generate a module", "Makes a HubSpot module of one part.", {"provider": "deterministic"}),
    Step("validate_artifact", "Validate a module", "Scores one module and says what to mend.", {"rendering": "auto"}),
)

METRICS = (
    Metric("split_coverage", "Split coverage", "ratio", "higher", "Share of the design that some part covers.", 0.95),
    Metric("overlap_ratio", "Overlap ratio", "ratio", "lower", "Share of the parts' area that lies over others.", 0.05),
    Metric("faithfulness_v1", "Faithfulness", "ratio", "higher", "How much of the source the module shows.", 0.98),
    Metric("editable_ratio", "Editable ratio", "ratio", "higher", "Share of words that come from fields.", 0.9),
    Metric("html_validity", "HTML validity", "ratio", "higher", "1 / (1 + errors per 100 elements).", 1.0),
    Metric("latency_ms", "Latency", "ms", "lower", "Time of the step's body.", None, "p95"),
    Metric("tokens_in", "Tokens in", "tokens", "lower", "What the provider counted going in.", None, "sum"),
    Metric("tokens_out", "Tokens out", "tokens", "lower", "What the provider counted coming out.", None, "sum"),
    Metric("total_cost_usd", "Cost", "USD", "lower", "What the provider charged.", None, "sum"),
    Metric("validation_pass_rate", "Validation pass rate", "ratio", "higher", "Valid IRs among those checked.", 1.0),
    Metric("quality_html", "Quality: HTML", "points", "higher", "0 to 100, from the validators.", 90),
    Metric("quality_accessibility", "Quality: accessibility", "points", "higher", "0 to 100.", 90),
    Metric("quality_performance", "Quality: performance", "points", "higher", "0 to 100.", 90),
    Metric("quality_hubspot", "Quality: HubSpot", "points", "higher", "0 to 100.", 90),
    Metric("quality_seo", "Quality: SEO", "points", "higher", "0 to 100; none for a module.", 90),
    Metric("quality_tailwind", "Quality: Tailwind", "points", "higher", "0 to 100; none without Tailwind.", 90),
    Metric("quality_overall", "Quality: overall", "points", "higher", "Weighted mean of the scores that apply.", 90),
)

COST: dict[str, float | None] = {"latency_ms": None, "tokens_in": None, "tokens_out": None, "total_cost_usd": None}

PROFILES = (
    Profile(
        "layout_split_quality",
        "Quality of a split",
        {"split_coverage": 0.9, "overlap_ratio": 0.1, "validation_pass_rate": 1.0, **COST},
    ),
    Profile(
        "module_quality",
        "Quality of a generated module",
        {"faithfulness_v1": 0.9, "editable_ratio": 0.5, "validation_pass_rate": 1.0, **COST},
    ),
    Profile(
        "artifact_quality",
        "What the validators say",
        {
            "html_validity": 1.0,
            "quality_html": 80,
            "quality_accessibility": 80,
            "quality_performance": 80,
            "quality_hubspot": 80,
            "quality_seo": None,
            "quality_tailwind": None,
            "quality_overall": 80,
            "latency_ms": None,
        },
    ),
)

PIPELINE_KEY = "design_to_modules"
PIPELINE_NAME = "Design to HubSpot modules"
PIPELINE_DAG: dict[str, Any] = {
    "nodes": [
        {"key": "split", "stepVersionId": "layout_split@1", "metricProfileId": "layout_split_quality"},
        {
            "key": "generate",
            "stepVersionId": "module_generate@1",
            "metricProfileId": "module_quality",
            "dependsOn": ["split"],
            "forEach": "split.parts",
        },
        {
            "key": "validate",
            "stepVersionId": "validate_artifact@1",
            "metricProfileId": "artifact_quality",
            "dependsOn": ["generate"],
            "forEach": "generate",
        },
    ]
}

PROCESSES = (
    Process(
        "layout_split",
        "Split a layout",
        "Cut the design below into its parts, in reading order. Answer with JSON that matches the schema.\n\n"
        "{{ inputs }}",
        "layout_split",
    ),
    Process(
        "module_generate",
        "Generate a module",
        "Make a HubSpot CMS module of the part below. Answer with JSON that matches the schema.\n\n"
        "Guidelines:\n{% for guideline in context %}- {{ guideline }}\n{% endfor %}\nPart:\n{{ item }}",
        "module_generate",
    ),
)

GUIDELINE_NAMESPACE = "hubspot_guidelines"
GUIDELINES = (
    Guideline("labels", "Give every field a label that an editor understands without seeing the code."),
    Guideline("defaults", "Give every field a default, so that a module looks finished the moment it is dropped in."),
    Guideline("repeat", "Make repeated items a group with occurrence, never copies of the same fields."),
    Guideline("richtext", "Use a rich text field for text with markup and a text field for a single line."),
    Guideline("images", "Images carry alternative text, a size and lazy loading; decorative images have empty text."),
    Guideline("links", "A link field holds its address, its target and its rel together."),
    Guideline("help", "Inline help says what a field changes on the page, in at most 300 characters."),
    Guideline("css", "Keep a module's styles in module.css and scope them to the module's own class."),
    Guideline("script", "A module works without script; script only improves it."),
    Guideline("headings", "Let the editor choose the heading level, so that a page keeps one outline."),
)
