"""The address that Prometheus reads."""

from django.urls import path

from pipelines.prometheus import MetricsView

urlpatterns = [path("metrics", MetricsView.as_view(), name="metrics")]
