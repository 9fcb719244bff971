"""Every address of the site."""

from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.urls import include, path, re_path
from django.views.generic import RedirectView, TemplateView

from config.error_handlers import api_not_found
from config.health import healthz, readyz
from config.openapi import DescriptionView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("", include("pipelines.prometheus_urls")),
    path("admin/review/", include("pipelines.review.urls")),
    path("admin/", admin.site.urls),
    path("api/schema", DescriptionView.as_view(), name="openapi"),
    path("api/docs", login_required(TemplateView.as_view(template_name="irline/api_docs.html")), name="api-docs"),
    path("api/", include("pipelines.api.urls")),
    path("api/", include("ir_schemas.api.urls")),
    path("api/", include("monitoring.api.urls")),
    path("api/", include("feedback.api.urls")),
    path("v1/", include("pipelines.api.otlp_urls")),
    re_path(r"^api(?:/|$)", api_not_found),
]
handler400 = "config.error_handlers.bad_request"
handler500 = "config.error_handlers.server_error"
