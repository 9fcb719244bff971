"""Django's settings. What the environment can change is declared in ``config.env``."""

from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from config import embedded_postgres, metrics_folder
from config.admin_site import LOOKS, SIDEBAR
from config.ai_providers import read_providers
from config.env import BASE_DIR, read_env_file, value

read_env_file()

SECRET_KEY = value("SECRET_KEY")
if not SECRET_KEY:
    raise ImproperlyConfigured("SECRET_KEY is not set. Run bin/setup, which writes one into .env, or set it yourself.")
DEBUG: bool = value("DEBUG")
ALLOWED_HOSTS: list[str] = value("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS: list[str] = value("CSRF_TRUSTED_ORIGINS")

# Apps

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "config.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "pgtrigger",
    "pghistory",
    "rest_framework",
    "knox",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "procrastinate.contrib.django",
    "config.apps.ConfigConfig",
    "ir_schemas",
    "metrics",
    "monitoring",
    "feedback",
    "pipelines",
]
MIDDLEWARE = [
    "config.http_metrics.HttpMetricsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.ChunkedBodyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "config.middleware.HostMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.middleware.ContentSecurityPolicyMiddleware",
    "pghistory.middleware.HistoryMiddleware",
    "config.middleware.ClosedRoutesMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
APPEND_SLASH = True
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# Database

# A host that drops packets would be waited for until the system gives up, after minutes.
CONNECT_TIMEOUT_S = 10


def _database() -> dict[str, Any]:
    url = value("DATABASE_URL")
    if url:
        named = dict(environ.Env.db_url_config(url))
        if named.get("ENGINE") != "django.db.backends.postgresql":
            raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL: postgres://user:password@host:5432/name")
        named.setdefault("OPTIONS", {}).setdefault("connect_timeout", CONNECT_TIMEOUT_S)
        return named
    socket_dir = embedded_postgres.start(_path("EMBEDDED_DATABASE_DIR"), "irline")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "irline",
        "USER": embedded_postgres.SUPERUSER,
        "HOST": socket_dir,
    }


def _path(name: str) -> Path:
    return BASE_DIR / str(value(name))


DATABASES = {"default": {**_database(), "CONN_MAX_AGE": value("DATABASE_CONN_MAX_AGE"), "CONN_HEALTH_CHECKS": True}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Language, time, files

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
FORMAT_MODULE_PATH = ["config.formats"]
STATIC_URL = "static/"
STATIC_ROOT = _path("STATIC_ROOT")
MEDIA_ROOT = _path("MEDIA_ROOT")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG
DATA_UPLOAD_MAX_MEMORY_SIZE = 25 * 1024 * 1024

# Safety

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
HTTPS_ONLY: bool = value("HTTPS_ONLY")
SECURE_SSL_REDIRECT = HTTPS_ONLY
PROBES = ["/healthz", "/readyz", "/metrics"]
SECURE_REDIRECT_EXEMPT = [rf"^{path.lstrip('/')}$" for path in PROBES]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS_ONLY else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS_ONLY else None
SESSION_ENGINE = "config.sessions"
SESSION_COOKIE_SECURE = HTTPS_ONLY
CSRF_COOKIE_SECURE = HTTPS_ONLY
X_FRAME_OPTIONS = "SAMEORIGIN"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

# API

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "config.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["config.permissions.StrictModelPermissions"],
    "DEFAULT_PAGINATION_CLASS": "config.pagination.KeysetPagination",
    "DEFAULT_FILTER_BACKENDS": ["config.filters.StrictFilterBackend"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.parsers.BoundedJSONParser"],
    "DEFAULT_METADATA_CLASS": None,
    "URL_FORMAT_OVERRIDE": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.error_handlers.problem_response",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
REST_KNOX = {"AUTH_HEADER_PREFIX": "Bearer", "TOKEN_TTL": None}
SPECTACULAR_SETTINGS = {
    "TITLE": "irline",
    "DESCRIPTION": "Auditable AI pipelines: runs, their IRs, metrics and reviews.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SCHEMA_PATH_PREFIX": "/api/",
    "CAMELIZE_NAMES": True,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "RunStatus": "pipelines.models.runs.RunStatus",
        "StepStatus": "pipelines.models.runs.StepStatus",
        "OutputType": "pipelines.models.runs.OutputType",
        "ValidationMode": "pipelines.models.definitions.ValidationMode",
        "DesignStatus": "pipelines.models.designs.DesignSplit.Status",
        "DesignKind": "pipelines.models.designs.DesignSplit.Kind",
        "ArtifactStatus": "pipelines.models.designs.GeneratedArtifact.Status",
        "ValidationStatus": "pipelines.models.designs.ValidationResult.Status",
        "TestRunType": "monitoring.models.TestRun.Type",
        "TestRunStatus": "monitoring.models.TestRun.Status",
        "SourceEnum": [("artifacts", "artifacts"), ("promptResults", "promptResults")],
        "TestRunSource": "monitoring.models.TestRun.Source",
        "TestResultStatus": "monitoring.models.TestResult.Status",
        "ReviewStatus": "feedback.models.ReviewFeedback.Status",
        "StateEnum": "ir_schemas.models.SchemaState",
        "ReviewItemKind": "feedback.models.queues.ItemKind",
        "ReviewItemState": "feedback.models.ReviewItem.State",
        "ReviewAssignmentState": "feedback.models.ReviewAssignment.State",
        "ReviewQuestionKind": "feedback.models.ReviewQuestion.Kind",
        "ReviewVerdict": "feedback.models.ReviewAnswer.Verdict",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.openapi.let_any_json_be_null",
        "config.openapi.document_problems",
    ],
}

# What is switched on; the live values are in the table behind ``monitoring.flags``

PIPELINE_LOGGING_ENABLED: bool = value("PIPELINE_LOGGING_ENABLED")
IR_VALIDATION_MODE: str = value("IR_VALIDATION_MODE") or ("log" if DEBUG else "off")
if IR_VALIDATION_MODE not in {"off", "log", "enforce"}:
    raise ImproperlyConfigured(f"IR_VALIDATION_MODE is {IR_VALIDATION_MODE!r}; it must be off, log or enforce.")
MONITORING_API_ENABLED: bool = value("MONITORING_API_ENABLED")
METRICS_OPEN: bool = value("METRICS_OPEN")
metrics_folder.prepare(value("PROMETHEUS_MULTIPROC_DIR"))
REDACTION_KEY: str = value("REDACTION_KEY")
REDACTION_PHONE_REGIONS: list[str] = value("REDACTION_PHONE_REGIONS")
REDACTION_PRESIDIO: bool = value("REDACTION_PRESIDIO")
REVIEW_ENABLED: bool = value("REVIEW_ENABLED")
FEATURE_DECIDER = "monitoring.flags.is_on"
TRUTH_RULE = "pipelines.review.truth_rules.begin_check"
ALERT_WEBHOOK: str = value("ALERT_WEBHOOK")
if ALERT_WEBHOOK and not ALERT_WEBHOOK.startswith(("http://", "https://")):
    raise ImproperlyConfigured("ALERT_WEBHOOK must be an http or https address.")
# How their addresses begin, as regular expressions, and the flag that opens them
CLOSED_ROUTES = {
    "/api/monitoring/": "MONITORING_API_ENABLED",
    "/admin/monitoring/alert": "MONITORING_API_ENABLED",
    "/api/review-queues": "REVIEW_ENABLED",
    "/api/review-questions": "REVIEW_ENABLED",
    "/api/review-items": "REVIEW_ENABLED",
    "/api/review-assignments": "REVIEW_ENABLED",
    "/api/review-answers": "REVIEW_ENABLED",
    "/api/review-feedback/([^/]+/)?curate": "REVIEW_ENABLED",
    "/api/ground-truth": "REVIEW_ENABLED",
    "/api/judge": "REVIEW_ENABLED",
    "/api/evaluations": "REVIEW_ENABLED",
    "/api/activation-gates": "REVIEW_ENABLED",
    "/api/ai-prompts": "REVIEW_ENABLED",
    "/admin/review/": "REVIEW_ENABLED",
    "/admin/feedback/reviewqueue/": "REVIEW_ENABLED",
    "/admin/feedback/reviewquestion/": "REVIEW_ENABLED",
    "/admin/feedback/reviewitem/": "REVIEW_ENABLED",
    "/admin/feedback/reviewassignment/": "REVIEW_ENABLED",
    "/admin/feedback/reviewanswer/": "REVIEW_ENABLED",
    "/admin/feedback/groundtruthset": "REVIEW_ENABLED",
    "/admin/feedback/judge": "REVIEW_ENABLED",
    "/admin/feedback/evaluation": "REVIEW_ENABLED",
    "/admin/feedback/activationgate/": "REVIEW_ENABLED",
}
DESIGN_ALLOW_PRIVATE_ADDRESSES: bool = value("DESIGN_ALLOW_PRIVATE_ADDRESSES")
PIPELINE_EXECUTOR: str = value("PIPELINE_EXECUTOR")
if PIPELINE_EXECUTOR not in {"inline", "distributed"}:
    raise ImproperlyConfigured(f"PIPELINE_EXECUTOR is {PIPELINE_EXECUTOR!r}; it must be inline or distributed.")
PIPELINE_LEASE_MS: int = value("PIPELINE_LEASE_MS")
PIPELINE_SWEEP_MS: int = value("PIPELINE_SWEEP_MS")
INLINE_EXECUTOR_THREADS: int = value("INLINE_EXECUTOR_THREADS")
INLINE_EXECUTOR_RUNS: int = value("INLINE_EXECUTOR_RUNS")

# Who may answer prompts; keys stay in the environment

AI_PROVIDERS = read_providers(value("AI_PROVIDERS"))

# The functions that step versions can name as their handler

PIPELINE_STEPS = {
    "layout_split": "pipelines.steps.layout_split.layout_split",
    "module_generate": "pipelines.steps.module_generate.module_generate",
    "prompt": "pipelines.ai.step.prompt",
    "validate_artifact": "pipelines.steps.validate_artifact.validate_artifact",
}

# Admin

UNFOLD = {
    "SITE_TITLE": "irline",
    "SITE_HEADER": "irline",
    "SITE_SUBHEADER": "Auditable AI pipelines",
    "SHOW_VIEW_ON_SITE": False,
    "SIDEBAR": SIDEBAR,
    **LOOKS,
}

# Logging

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "loggers": {
        app: {"handlers": ["console"], "level": value("LOG_LEVEL")}
        for app in ("config", "ir_schemas", "metrics", "monitoring", "feedback", "pipelines")
    },
}
