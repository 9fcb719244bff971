"""The reads of the existing tables: their shapes are frozen, to the byte, in the files under ``legacy/``.

A file holds one row as the API gives it. Other software reads these; a change of a file is a break for it.
"""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from pipelines.models import DesignSplit
from tests.factories import (
    DesignSplitFactory,
    GeneratedArtifactFactory,
    ModuleTemplateFactory,
    ReviewFeedbackFactory,
    SplitAssetFactory,
    ValidationResultFactory,
)
from tests.queries import queries_of_page

FROZEN = Path(__file__).parent / "legacy"
WHEN = datetime(2025, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)


def key(number: int) -> uuid.UUID:
    return uuid.UUID(int=0x0195_5230_0000_7000_8000_0000_0000_0000 + number)


def design() -> Any:
    row = DesignSplitFactory(
        id=key(1), design_upload_id=key(2), name="Page é.html", status="completed", created_at=WHEN,
        metrics={"split_coverage": 0.97, "snake_key": {"camelKey": None}},
    )  # fmt: skip
    DesignSplit.objects.filter(pk=row.pk).update(updated_at=WHEN)
    return row


def asset() -> Any:
    return SplitAssetFactory(
        id=key(3), split=design(), kind="hero", storage_url="runs/1/hero.png", order=2, created_at=WHEN,
        project_id=key(4), meta={"bounds": {"x": 0, "y": 0.25}, "snake_key": 1},
    )  # fmt: skip


def module() -> Any:
    return ModuleTemplateFactory(
        id=key(5), name="Hero", description="A hero.", category="hero", complexity="simple", version="1.2.0",
        html_content="<h1>{{ module.title }}</h1>", css_content="h1 {}", js_content="", tags=["hero", "top"],
        usage_count=3, rating=Decimal("4.50"),
    )  # fmt: skip


def artifact() -> Any:
    return GeneratedArtifactFactory(
        id=key(6), design_split=design(), module=module(), type="hubspot_module", status="validated",
        content_url="runs/1/hero.module", content="<h1></h1>", meta={"files": ["hero.module/meta.json"]},
    )  # fmt: skip


def verdict() -> Any:
    return ValidationResultFactory(
        id=key(7), artifact=artifact(), validator="html", status="warning", message="One warning.",
        details={"score": 93, "findings": []},
    )  # fmt: skip


def review() -> Any:
    made = artifact()
    return ReviewFeedbackFactory(
        id=key(8), design_split=made.design_split, artifact=made, module=made.module, reviewer="a@example.org",
        status="changes_requested", ratings={"overall": 4}, comments="Nearly.", findings=[{"rule": "alt"}],
    )  # fmt: skip


EXAMPLES: dict[str, Callable[[], Any]] = {
    "design-splits": design,
    "split-assets": asset,
    "module-templates": module,
    "generated-artifacts": artifact,
    "validation-results": verdict,
    "review-feedback": review,
}
FACTORIES: dict[str, Any] = {
    "design-splits": DesignSplitFactory,
    "split-assets": SplitAssetFactory,
    "module-templates": ModuleTemplateFactory,
    "generated-artifacts": GeneratedArtifactFactory,
    "validation-results": ValidationResultFactory,
    "review-feedback": ReviewFeedbackFactory,
}
FILTERS = [
    ("design-splits", "status", "completed"),
    ("design-splits", "kind", "html"),
    ("design-splits", "designUploadId", str(key(2))),
    ("split-assets", "splitId", str(key(1))),
    ("split-assets", "projectId", str(key(4))),
    ("split-assets", "kind", "hero"),
    ("module-templates", "name", "Hero"),
    ("module-templates", "category", "hero"),
    ("generated-artifacts", "designSplitId", str(key(1))),
    ("generated-artifacts", "moduleId", str(key(5))),
    ("generated-artifacts", "type", "hubspot_module"),
    ("generated-artifacts", "status", "validated"),
    ("validation-results", "artifactId", str(key(6))),
    ("validation-results", "designSplitId", str(key(1))),
    ("validation-results", "validator", "html"),
    ("validation-results", "status", "warning"),
    ("review-feedback", "designSplitId", str(key(1))),
    ("review-feedback", "artifactId", str(key(6))),
    ("review-feedback", "moduleId", str(key(5))),
    ("review-feedback", "status", "changes_requested"),
]
UNLIKE = {
    "design-splits": {"kind": "image"},
    "split-assets": {"kind": "footer"},
    "module-templates": {},
    "generated-artifacts": {"type": "page"},
    "validation-results": {"validator": "seo"},
    "review-feedback": {},
}


def frozen(name: str) -> bytes:
    row = json.loads((FROZEN / f"{name}.json").read_text())
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_row_is_given_as_frozen(name: str, api: APIClient) -> None:
    row = EXAMPLES[name]()

    single = api.get(f"/api/{name}/{row.pk}")
    page = api.get(f"/api/{name}")

    assert single.content == frozen(name)
    assert page.content == b'{"next":null,"results":[' + frozen(name) + b"]}"
    assert single["Content-Type"] == page["Content-Type"] == "application/json"


@pytest.mark.parametrize(("name", "parameter", "value"), FILTERS)
def test_a_filter_keeps_only_what_it_names(name: str, parameter: str, value: str, api: APIClient) -> None:
    wanted = EXAMPLES[name]()
    FACTORIES[name](**UNLIKE[name])

    rows = api.get(f"/api/{name}", {parameter: value}).json()["results"]

    assert [row["id"] for row in rows] == [str(wanted.pk)]


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_list_costs_as_many_queries_for_thirty_rows_as_for_two(name: str, api: APIClient) -> None:
    def queries() -> int:
        return queries_of_page(api, f"/api/{name}")

    FACTORIES[name].create_batch(2)
    for_two = queries()
    FACTORIES[name].create_batch(28)

    assert queries() == for_two <= 2


def test_pages_follow_one_another_without_a_gap(api: APIClient) -> None:
    made = {str(row.pk) for row in SplitAssetFactory.create_batch(7)}
    pages = []
    address = "/api/split-assets?pageSize=3"
    while address:
        page = api.get(address).json()
        pages.append([row["id"] for row in page["results"]])
        address = page["next"]

    assert [len(page) for page in pages] == [3, 3, 1]
    assert [found for page in pages for found in page] == sorted(made, reverse=True)


def test_the_next_page_keeps_the_filters(api: APIClient) -> None:
    SplitAssetFactory.create_batch(2, kind="hero")
    SplitAssetFactory(kind="footer")

    following = api.get("/api/split-assets", {"kind": "hero", "pageSize": 1}).json()["next"]

    assert [row["kind"] for row in api.get(following).json()["results"]] == ["hero"]
