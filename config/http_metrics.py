"""How long requests took, kept in this process for Prometheus, by route, method and class of status.

Routes are those of the URL configuration, never the addresses asked for, so that their number is bounded.
"""

import os
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from prometheus_client import REGISTRY, CollectorRegistry, Histogram, disable_created_metrics
from prometheus_client.multiprocess import MultiProcessCollector

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Prometheus's text format has no place for when a series began, so that each would be one more series.
disable_created_metrics()  # type: ignore[no-untyped-call]
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
LATENCY = Histogram(
    "irline_http_request_seconds", "Seconds from request to answer.", ("route", "method", "status"), buckets=BUCKETS
)


class HttpMetricsMiddleware:
    """Times each request from the outside of all other middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = self.get_response(request)
        route = request.resolver_match.route if request.resolver_match else "none"
        method = request.method if request.method in METHODS else "other"
        LATENCY.labels(route, method, f"{response.status_code // 100}xx").observe(time.perf_counter() - began)
        return response


def http_registry() -> CollectorRegistry:
    """What this process has timed; what all have, where PROMETHEUS_MULTIPROC_DIR names the folder they share."""
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry
