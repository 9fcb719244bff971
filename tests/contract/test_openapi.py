"""The description of the API is committed, and nothing that was published under its major version is taken back."""

import copy
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.urls import URLResolver, get_resolver
from drf_spectacular.renderers import OpenApiYamlRenderer

from config.openapi import description
from tests.contract.api_changes import taken_back

ROOT = Path(__file__).parent.parent.parent
COMMITTED = "docs/openapi.yaml"
# The description itself and its page; traces are described by OTLP's own specification, and tested in test_otlp.
ELSEWHERE = {"/api/schema", "/api/docs", "/v1/traces"}


@pytest.fixture(scope="module")
def generated() -> dict[str, Any]:
    return description()


def git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_the_committed_description_is_the_generated_one(generated: dict[str, Any]) -> None:
    text = OpenApiYamlRenderer().render(generated, renderer_context={}).decode()  # type: ignore[no-untyped-call]

    assert (ROOT / COMMITTED).read_text() == text, f"Run: manage.py spectacular --file {COMMITTED}"


def routes(patterns: list[Any] | None = None, above: str = "/") -> Iterator[str]:
    """Every address that is for programs, as the description writes it."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        here = above + getattr(pattern.pattern, "_route", "")
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, here)
        elif here.startswith(("/api/", "/v1/")) and here != "/api/":
            yield re.sub(r"<(?:\w+:)?(\w+)>", "{}", here)


def test_no_route_is_left_out(generated: dict[str, Any]) -> None:
    described = {re.sub(r"\{\w+\}", "{}", path) for path in generated["paths"]}

    assert set(routes()) - described == ELSEWHERE


def test_nothing_published_is_taken_back(generated: dict[str, Any]) -> None:
    """Compares with the last committed description that differs. To break on purpose, raise the API's major version."""
    if not (ROOT / ".git").exists():
        pytest.skip("There is no history to compare with.")
    major = generated["info"]["version"].split(".")[0]
    for commit in git("log", "-5", "--format=%H", "--", COMMITTED).split():
        published = yaml.load(git("show", f"{commit}:{COMMITTED}"), Loader=yaml.CSafeLoader)
        if published["info"]["version"].split(".")[0] == major and published != generated:
            assert taken_back(published, generated) == []
            return


def drop_operation(document: dict[str, Any]) -> None:
    del document["paths"]["/api/pipeline-runs/{id}/cancel"]


def drop_filter(document: dict[str, Any]) -> None:
    document["paths"]["/api/split-assets"]["get"]["parameters"] = []


def require_filter(document: dict[str, Any]) -> None:
    document["paths"]["/api/split-assets"]["get"]["parameters"][0]["required"] = True


def narrow_page(document: dict[str, Any]) -> None:
    parameters = document["paths"]["/api/split-assets"]["get"]["parameters"]
    next(each for each in parameters if each["name"] == "pageSize")["schema"]["maximum"] = 100


def drop_field(document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"]["SplitAsset"]
    del schema["properties"]["kind"]
    schema["required"].remove("kind")


def change_type(document: dict[str, Any]) -> None:
    document["components"]["schemas"]["SplitAsset"]["properties"]["order"]["type"] = "string"


def make_nullable(document: dict[str, Any]) -> None:
    document["components"]["schemas"]["SplitAsset"]["properties"]["order"]["type"] = ["integer", "null"]


def drop_type(document: dict[str, Any]) -> None:
    content = document["paths"]["/api/pipeline-runs/{id}/modules.zip"]["get"]["responses"]["200"]["content"]
    content["application/gzip"] = content.pop("application/zip")


TOUCHED = ("/api/pipeline-runs/{id}/cancel", "/api/split-assets", "/api/pipeline-runs/{id}/modules.zip")
BREAKS = [drop_operation, drop_filter, require_filter, narrow_page, drop_field, change_type, make_nullable, drop_type]


@pytest.mark.parametrize("change", BREAKS)
def test_what_takes_something_back_is_seen(change: Callable[[dict[str, Any]], None], generated: dict[str, Any]) -> None:
    """In the paths that are changed: comparing all of them takes half a second."""
    published = {**generated, "paths": {path: generated["paths"][path] for path in TOUCHED}}
    changed = copy.deepcopy(published)
    assert taken_back(published, changed) == []

    change(changed)

    assert taken_back(published, changed) != []


def test_what_only_adds_passes(generated: dict[str, Any]) -> None:
    changed = copy.deepcopy(generated)
    changed["paths"]["/api/more"] = {"get": {"responses": {}}}
    changed["components"]["schemas"]["SplitAsset"]["properties"]["more"] = {"type": "string"}
    changed["components"]["schemas"]["SplitAsset"]["required"].append("more")
    parameters = changed["paths"]["/api/split-assets"]["get"]["parameters"]
    parameters.append({"name": "more", "in": "query", "required": False, "schema": {"type": "string"}})
    next(each for each in parameters if each["name"] == "pageSize")["schema"]["maximum"] = 500

    assert taken_back(generated, changed) == []
