"""The admin's sidebar, in the order in which people work, and its looks."""

from functools import cache
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import get_script_prefix, reverse

from config import features

WORKS_THROUGH_QUEUES = ("feedback.review_item", "feedback.adjudicate_item", "feedback.curate_review")


def _model(title: str, icon: str, name: str) -> dict[str, Any]:
    """A link to a model's list, shown to those who may view the model. ``name`` is ``app.model``."""
    app, model = name.split(".")
    return {
        "title": title,
        "icon": icon,
        "view": f"admin:{app}_{model}_changelist",
        "permission": lambda request: request.user.has_perm(f"{app}.view_{model}"),
    }


def _gated(feature: str, link: dict[str, Any]) -> dict[str, Any]:
    """The link, and only while a feature is switched on."""
    may_view = link["permission"]
    return {**link, "permission": lambda request: may_view(request) and features.is_open(request, feature)}


MENUS: list[dict[str, Any]] = [
    {
        "title": "Runs",
        "items": [
            _model("Pipeline runs", "play_circle", "pipelines.pipelinerun"),
            _model("Step runs", "steps", "pipelines.steprun"),
            _model("Step logs", "subject", "pipelines.steplog"),
            _model("IR artifacts", "data_object", "ir_schemas.irartifact"),
            _model("Metric results", "speed", "metrics.metricresult"),
            _model("Output links", "link", "pipelines.stepoutputlink"),
        ],
    },
    {
        "title": "Designs",
        "items": [
            _model("Designs", "web", "pipelines.designsplit"),
            _model("Split assets", "dashboard", "pipelines.splitasset"),
            _model("Module templates", "widgets", "pipelines.moduletemplate"),
            _model("Generated artifacts", "deployed_code", "pipelines.generatedartifact"),
            _model("Validation results", "fact_check", "pipelines.validationresult"),
        ],
    },
    {
        "title": "Definitions",
        "items": [
            _model("Pipelines", "account_tree", "pipelines.pipelinedefinition"),
            _model("Pipeline versions", "history", "pipelines.pipelineversion"),
            _model("Schedules", "schedule", "pipelines.pipelineschedule"),
            _model("Steps", "extension", "pipelines.stepdefinition"),
            _model("Step versions", "history", "pipelines.stepversion"),
            _model("Pools", "pool", "pipelines.concurrencypool"),
            _model("AI processes", "psychology", "pipelines.aiprocess"),
            _model("Prompts", "chat", "pipelines.aiprompt"),
            _model("Model prices", "payments", "pipelines.modelprice"),
            _model("Embeddings", "hub", "pipelines.embedding"),
        ],
    },
    {
        "title": "IR schemas",
        "items": [
            _model("Prompt and process schemas", "schema", "ir_schemas.irschemadefinition"),
            _model("Step schemas", "schema", "ir_schemas.irschema"),
            _model("Compatibility levels", "rule", "ir_schemas.schemaline"),
            _model("Schema events", "history", "ir_schemas.schemaevent"),
        ],
    },
    {
        "title": "Metrics",
        "items": [
            _model("Metrics", "straighten", "metrics.metricdefinition"),
            _model("Profiles", "tune", "metrics.metricprofile"),
            _model("All results, joined", "table_chart", "metrics.metricresultrow"),
        ],
    },
    {
        "title": "Record",
        "items": [
            {
                "title": "Monitoring",
                "icon": "monitoring",
                "view": "admin:monitoring_figures",
                "permission": lambda request: request.user.has_perm("monitoring.view_testrun"),
            },
            _gated(features.MONITORING, _model("Alerts", "notifications", "monitoring.alert")),
            _gated(features.MONITORING, _model("Alert firings", "notifications_active", "monitoring.alertfiring")),
            _model("Test runs", "receipt_long", "monitoring.testrun"),
            _model("Test results", "checklist", "monitoring.testresult"),
            _model("Prompt data", "input", "pipelines.promptdata"),
            _model("Prompt results", "output", "pipelines.promptresult"),
            _model("Rollups", "stacked_bar_chart", "monitoring.runrollup"),
            _model("Rollup marks", "pending_actions", "monitoring.rollupmark"),
            _model("Feature flags", "toggle_on", "monitoring.featureflag"),
            _model("Flag rules", "rule_settings", "monitoring.flagrule"),
        ],
    },
    {
        "title": "Review",
        "items": [
            _gated(
                features.REVIEW,
                {
                    "title": "Work through queues",
                    "icon": "checklist",
                    "view": "review:queues",
                    "permission": lambda request: any(map(request.user.has_perm, WORKS_THROUGH_QUEUES)),
                },
            ),
            _gated(features.REVIEW, _model("Review queues", "inbox", "feedback.reviewqueue")),
            _gated(features.REVIEW, _model("Review items", "ballot", "feedback.reviewitem")),
            _gated(features.REVIEW, _model("Answers", "how_to_reg", "feedback.reviewanswer")),
            _model("Review feedback", "rate_review", "feedback.reviewfeedback"),
            _model("Ground truth", "verified", "feedback.groundtruth"),
            _gated(features.REVIEW, _model("Ground truth sets", "library_add_check", "feedback.groundtruthset")),
            _gated(features.REVIEW, _model("Judges", "gavel", "feedback.judge")),
            _gated(features.REVIEW, _model("Judgements", "balance", "feedback.judgement")),
            _gated(features.REVIEW, _model("Items of sets", "playlist_add_check", "feedback.groundtruthsetitem")),
            _gated(features.REVIEW, _model("Evaluations", "balance", "feedback.evaluation")),
            _gated(features.REVIEW, _model("Gates", "gpp_good", "feedback.activationgate")),
        ],
    },
    {
        "title": "People",
        "items": [
            _model("Users", "person", "auth.user"),
            _model("Groups", "group", "auth.group"),
            _model("API keys", "key", "knox.authtoken"),
        ],
    },
]


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The menus, with what the user may open.

    Settled here, once a page: the theme would resolve each address, and make a class for each permission, on its own.
    """
    prefix = get_script_prefix()
    shown = []
    for menu in MENUS:
        links = [
            {"title": each["title"], "icon": each["icon"], "link": _address(each["view"], prefix)}
            for each in menu["items"]
            if each["permission"](request)
        ]
        if links:
            shown.append({"title": menu["title"], "items": links})
    return shown


@cache
def _address(view: str, prefix: str) -> str:
    """Where a view is; ``prefix`` is where the site itself is, as ``reverse`` asks without saying."""
    return reverse(view)


SIDEBAR: dict[str, Any] = {"show_search": True, "navigation": navigation}

LOOKS: dict[str, Any] = {
    "SITE_URL": None,
    "DASHBOARD_CALLBACK": "pipelines.admin.dashboard.dashboard",
    "STYLES": [lambda request: static("irline/admin.css")],
    "SCRIPTS": [lambda request: static("irline/admin.js")],
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("irline/favicon.svg")},
    ],
    "COLORS": {
        # Blues whose 600 carries white text and whose 500 reads on the dark ground, at 4.5 : 1 or better.
        "primary": {
            "50": "oklch(97% .014 254.604)",
            "100": "oklch(93.2% .032 255.585)",
            "200": "oklch(88.2% .059 254.128)",
            "300": "oklch(80.9% .105 251.813)",
            "400": "oklch(76% .13 253)",
            "500": "oklch(72% .15 255)",
            "600": "oklch(50% .2 262.881)",
            "700": "oklch(45% .2 264.376)",
            "800": "oklch(42.4% .199 265.638)",
            "900": "oklch(37.9% .146 265.522)",
            "950": "oklch(28.2% .091 267.935)",
        },
    },
}
