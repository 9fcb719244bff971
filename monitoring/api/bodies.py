"""Figures as the API shows them. ``serializers`` describes their shapes."""

from collections.abc import Sequence
from typing import Any

from monitoring.figures import Figures
from monitoring.histogram import percentiles
from monitoring.models import SCORES

SCORED = [(name, f"scored_{name}") for name in SCORES]
PERCENTS = (50, 95, 99)


def quality_bodies(many: Sequence[Figures]) -> list[dict[str, Any]]:
    return [_quality_body(figures, body) for figures, body in zip(many, _bodies(many), strict=True)]


def ai_bodies(many: Sequence[Figures]) -> list[dict[str, Any]]:
    return [_ai_body(figures, body) for figures, body in zip(many, _bodies(many), strict=True)]


def _quality_body(figures: Figures, body: dict[str, Any]) -> dict[str, Any]:
    scores = {name: {"scored": figures.count(scored), "mean": figures.score(name)} for name, scored in SCORED}
    return {**body, "scores": scores}


def _ai_body(figures: Figures, body: dict[str, Any]) -> dict[str, Any]:
    cost = figures.cost_usd
    return {
        **body,
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


def _bodies(many: Sequence[Figures]) -> list[dict[str, Any]]:
    latencies = percentiles([figures.latencies for figures in many], PERCENTS)
    return [_body(figures, *reached) for figures, reached in zip(many, latencies, strict=True)]


def _body(figures: Figures, p50: float | None, p95: float | None, p99: float | None) -> dict[str, Any]:
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
            "p50": p50,
            "p95": p95,
            "p99": p99,
        },
    }
