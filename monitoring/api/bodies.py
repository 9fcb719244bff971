"""Figures as the API shows them. ``serializers`` describes their shapes."""

from typing import Any

from monitoring.figures import Figures
from monitoring.models import SCORES


def quality_body(figures: Figures) -> dict[str, Any]:
    scores = {name: {"scored": figures.count(f"scored_{name}"), "mean": figures.score(name)} for name in SCORES}
    return {**_body(figures), "scores": scores}


def ai_body(figures: Figures) -> dict[str, Any]:
    cost = figures.cost_usd
    return {
        **_body(figures),
        "tokens": {
            "input": figures.tokens("in"),
            "output": figures.tokens("out"),
            "cached": figures.tokens("cached"),
            "reasoning": figures.tokens("reasoning"),
        },
        "costUsd": None if cost is None else f"{cost:.8f}",
        "priced": figures.count("priced"),
        "unpriced": figures.count("unpriced"),
    }


def _body(figures: Figures) -> dict[str, Any]:
    return {
        "runs": figures.count("runs"),
        "running": figures.count("running"),
        "passed": figures.count("passed"),
        "failed": figures.count("failed"),
        "error": figures.count("errored"),
        "passRate": figures.pass_rate,
        "validation": {
            "checked": figures.count("validated"),
            "passed": figures.count("valid"),
            "passRate": figures.validation_rate,
        },
        "latencyMs": {
            "timed": figures.count("timed"),
            "mean": figures.mean_latency_ms,
            **dict(zip(("p50", "p95", "p99"), figures.latencies_ms((50, 95, 99)), strict=True)),
        },
    }
