"""Addresses under /v1, where exporters of OpenTelemetry look for them."""

from django.urls import path

from pipelines.api.traces import TracesView

urlpatterns = [path("traces", TracesView.as_view(), name="otlp-traces")]
