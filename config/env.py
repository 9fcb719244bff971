"""Every environment variable that irline reads: its type, its default, and a sentence.

``.env.example`` is this table written out; a test keeps the two equal.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import environ

BASE_DIR = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Variable:
    """``kind`` is a django-environ cast; a ``default`` of None means the variable may be unset."""

    name: str
    kind: type
    default: Any
    about: str


VARIABLES = (
    Variable("SECRET_KEY", str, None, "Signs sessions and keys. Required; bin/setup writes a fresh one into .env."),
    Variable("DEBUG", bool, False, "Shows tracebacks and relaxes cookies. Never true in production."),
    Variable("ALLOWED_HOSTS", list, ["localhost", "127.0.0.1", "[::1]"], "Host names this site answers to."),
    Variable("CSRF_TRUSTED_ORIGINS", list, [], "Origins, with scheme, that may post forms through a proxy."),
    Variable("DATABASE_URL", str, "", "postgres://user:password@host:port/name. Unset: the embedded PostgreSQL."),
    Variable("EMBEDDED_DATABASE_DIR", str, "var/postgres", "Where the embedded PostgreSQL keeps its data."),
    Variable("DATABASE_CONN_MAX_AGE", int, 60, "Seconds a web process keeps a database connection open."),
    Variable("MEDIA_ROOT", str, "var/media", "Where designs and generated modules are stored."),
    Variable("STATIC_ROOT", str, "var/static", "Where collectstatic puts the files WhiteNoise serves."),
    Variable("LOG_LEVEL", str, "INFO", "Python's log level for irline's own loggers."),
    Variable("HTTPS_ONLY", bool, False, "Redirects to HTTPS, sends HSTS and secure cookies. True behind TLS."),
    Variable("PIPELINE_LOGGING_ENABLED", bool, False, "Default of the flag that lets pipelines run and write records."),
    Variable(
        "IR_VALIDATION_MODE", str, "", "Default of the mode: off, log or enforce. Unset: log under DEBUG, else off."
    ),
    Variable("MONITORING_API_ENABLED", bool, False, "Default of the flag that opens the monitoring endpoints."),
    Variable("METRICS_OPEN", bool, False, "Lets /metrics be read without a key. Only where the network guards it."),
    Variable(
        "PROMETHEUS_MULTIPROC_DIR",
        str,
        "",
        "Folder where web processes share request times; made where it is missing. Unset: each its own.",
    ),
    Variable("REDACTION_KEY", str, "", "Keys the audit log's pseudonyms. Unset: derived from SECRET_KEY."),
    Variable(
        "REDACTION_PHONE_REGIONS",
        list,
        ["US", "GB", "DE", "FR"],
        "Countries whose telephone numbers are found without their country code.",
    ),
    Variable(
        "REDACTION_PRESIDIO", bool, False, "Also looks with Microsoft Presidio (the extra pii): names and places."
    ),
    Variable("SYNTHETIC_KEY", str, "", "API key that manage.py synthetic_checks asks with."),
    Variable("SYNTHETIC_WEBHOOK", str, "", "http(s) address that manage.py synthetic_checks tells of failures."),
    Variable("ALERT_WEBHOOK", str, "", "http(s) address that is told when an alert fires, and when it is over."),
    Variable("REVIEW_ENABLED", bool, False, "Default of the flag that opens the review queues."),
    Variable("DESIGN_ALLOW_PRIVATE_ADDRESSES", bool, False, "Lets a design be fetched from a private address."),
    Variable("PIPELINE_EXECUTOR", str, "inline", "Who runs steps: inline (who starts a run) or distributed (workers)."),
    Variable("PIPELINE_LEASE_MS", int, 60_000, "Milliseconds until a step whose process died is taken back."),
    Variable("PIPELINE_SWEEP_MS", int, 5_000, "Milliseconds between a worker's looks for what was left behind."),
    Variable("INLINE_EXECUTOR_THREADS", int, 2, "Steps of a run that the inline executor runs at the same time."),
    Variable("INLINE_EXECUTOR_RUNS", int, 4, "Runs that a web process carries at the same time; others wait."),
    Variable(
        "AI_PROVIDERS",
        str,
        "",
        'Providers that AI steps may ask, as JSON: {"openai": {"kind": "openai", "model": "…"}}. See docs/ai-steps.md.',
    ),
    Variable("OPENAI_API_KEY", str, "", "The key of providers of the kind openai that name no other keyVariable."),
    Variable("ANTHROPIC_API_KEY", str, "", "The key of providers of the kind anthropic that name no other."),
    Variable("IRLINE_CHROMIUM", str, "", "Path of the Chromium to render with. Unset: the one found; 'off': none."),
    Variable("IRLINE_VNU_JAR", str, "", "Path of the Nu validator's vnu.jar. Unset: HTML is judged without it."),
)

env = environ.Env()


def read_env_file() -> None:
    """Take what ``.env`` says for variables the environment leaves unset."""
    path = BASE_DIR / ".env"
    if path.is_file():
        environ.Env.read_env(path)


def value(name: str) -> Any:
    """The variable's value, cast to its kind. Raises ``KeyError`` for a name that ``VARIABLES`` does not declare."""
    variable = _BY_NAME[name]
    return env.get_value(name, cast=variable.kind, default=variable.default)


def example_file() -> str:
    """The text of ``.env.example``."""
    lines = ["# Every variable that irline reads, with its default. Copy to .env and change what you need.", ""]
    for variable in VARIABLES:
        lines += [f"# {variable.about}", f"#{variable.name}={_written(variable.default)}", ""]
    return "\n".join(lines)


def _written(default: Any) -> str:
    if default is None:
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return ",".join(default) if isinstance(default, list) else str(default)


_BY_NAME = {variable.name: variable for variable in VARIABLES}
