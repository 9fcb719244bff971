"""The pages of a pipeline and its versions: pictures, the check while typing, comparison, making one active."""

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from pipelines.definitions import create_version
from pipelines.models import PipelineDefinition, PipelineVersion
from tests import factories
from tests.pipelines.building import pipeline, steps

SCRIPT = "<script>alert(1)</script>"

pytestmark = pytest.mark.django_db


@pytest.fixture
def two() -> tuple[PipelineVersion, PipelineVersion]:
    """An active version of two nodes, and the next one, in which one is gone, one is new and one has changed."""
    old = pipeline({"key": "first"}, {"key": "gone", "dependsOn": ["first"]})
    nodes = [
        {"key": "first", "stepVersionId": "emit@1", "retries": 2},
        {"key": "new", "stepVersionId": "listed@1", "dependsOn": ["first"]},
    ]
    return old, create_version(pipeline=old.pipeline, dag={"nodes": nodes})


def url(version: PipelineVersion, name: str = "change") -> str:
    return reverse(f"admin:pipelines_pipelineversion_{name}", args=[version.pk])


def page_of(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def labels(page: str) -> list[str]:
    return re.findall(r'class="dag-node [^>]*aria-label="([^"]*)"', page)


def check(client: Client, dag: Any) -> Any:
    body = json.dumps({"dag": dag if isinstance(dag, str) else json.dumps(dag)})
    return client.post(reverse("admin:pipelines_pipelineversion_check"), body, content_type="application/json")


def test_a_version_is_drawn_with_the_steps_that_it_runs(client: Client, boss: User, two: Any) -> None:
    assert labels(page_of(client, url(two[0]))) == ["first: emit@1", "gone: emit@1"]


def test_a_pipeline_draws_its_versions_the_active_one_first(client: Client, boss: User, two: Any) -> None:
    page = page_of(client, reverse("admin:pipelines_pipelinedefinition_change", args=[two[0].pipeline_id]))

    assert labels(page) == [
        "first: emit@1",
        "gone: emit@1",
        "first: emit@1; is tried again up to 2 times",
        "new: listed@1",
    ]
    assert page.index("Version 1, active") < page.index("Version 2")


def test_every_version_of_a_pipeline_is_drawn_on_one_of_its_pages(client: Client, boss: User) -> None:
    of = pipeline({"key": "v1"}).pipeline
    for number in range(2, 14):
        create_version(pipeline=of, dag={"nodes": [{"key": f"v{number}", "stepVersionId": "emit@1"}]})
    address = reverse("admin:pipelines_pipelinedefinition_change", args=[of.pk])

    pages = [page_of(client, f"{address}?drawn={number}") for number in (1, 2, 3)]

    assert [[label.split(":")[0] for label in labels(page)] for page in pages] == [
        ["v1", "v13", "v12", "v11", "v10"],
        ["v9", "v8", "v7", "v6", "v5"],
        ["v4", "v3", "v2"],
    ]
    assert 'href="?drawn=3#versions-title"' in pages[0]
    assert url(of.versions.get(version=4), "compare") in pages[2]
    for wild, shown in (("0", 2), ("x", 0), ("99", 2), ("9" * 5000, 0), ("", 0)):
        assert labels(page_of(client, f"{address}?drawn={wild}")) == labels(pages[shown])


def test_rows_below_a_page_lead_to_their_own(client: Client, boss: User, two: Any) -> None:
    page = page_of(client, reverse("admin:pipelines_pipelinedefinition_change", args=[two[0].pipeline_id]))

    rows = page[page.index('id="versions-group"') :]
    assert [re.search(f'href="{url(version)}">{version.version}</a>', rows) is not None for version in two] == [
        True
    ] * 2


def test_drawing_versions_costs_the_same_for_many_nodes(client: Client, boss: User) -> None:
    def queries(version: PipelineVersion) -> int:
        with CaptureQueriesContext(connection) as captured:
            page_of(client, url(version))
            page_of(client, reverse("admin:pipelines_pipelinedefinition_change", args=[version.pipeline_id]))
        return len(captured)

    few = pipeline({"key": "a"}, key="few")
    many = pipeline(*({"key": f"n{index}"} for index in range(300)), key="many")
    ContentType.objects.get_for_models(PipelineDefinition, PipelineVersion)
    assert queries(few) == queries(many)


def test_a_pipeline_of_many_versions_takes_as_many_queries_as_one_of_few(client: Client, boss: User) -> None:
    of = pipeline({"key": "a"}).pipeline
    ContentType.objects.get_for_models(PipelineDefinition)
    counts = []
    for more in (5, 30):
        for number in range(more):
            create_version(pipeline=of, dag={"nodes": [{"key": f"n{number}", "stepVersionId": "emit@1"}]})
        with CaptureQueriesContext(connection) as captured:
            page_of(client, reverse("admin:pipelines_pipelinedefinition_change", args=[of.pk]))
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_a_text_is_checked_as_saving_it_would(client: Client, boss: User) -> None:
    steps()
    text = '{"nodes": [\n{"key": "a", "stepVersionId": "nothing@1"},\n{"key": "b", "stepVersionId": "emit@1"}]}'

    found = check(client, text).json()

    (fault,) = found["problems"]
    assert (fault["line"], fault["severity"], fault["path"]) == (2, "error", "/nodes/0/stepVersionId")
    assert "does not exist" in fault["message"]
    assert found["picture"] == ""


def test_problems_come_in_the_order_of_their_lines(client: Client, boss: User) -> None:
    steps()
    nodes = [{"key": "a", "stepVersionId": "emit@1"}] * 2 + [{"key": "b", "stepVersionId": "emit@1", "retires": 2}]
    text = json.dumps({"nodes": nodes}, indent=2)

    lines = [fault["line"] for fault in check(client, text).json()["problems"]]

    assert len(lines) == 2
    assert lines == sorted(lines)


def test_a_version_yet_to_be_made_shows_nothing_that_it_has_not(client: Client, boss: User) -> None:
    page = page_of(client, reverse("admin:pipelines_pipelineversion_add"))

    assert 'name="dag"' in page
    assert all(label not in page for label in ("Runs of this version", "Created at", "Is active"))


def test_a_sound_text_is_drawn(client: Client, boss: User) -> None:
    steps()
    node = {"key": "a", "stepVersionId": "emit@1", "condition": f'"{SCRIPT}" == "x"'}

    found = check(client, {"nodes": [node]}).json()

    assert found["problems"] == []
    assert labels(found["picture"])[0].startswith("a: emit@1; runs only if")
    assert SCRIPT not in found["picture"]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"nodes": []}', '{"nodes": 3}', "[" * 200_000])
def test_a_text_that_is_no_dag_has_problems(text: str, client: Client, boss: User) -> None:
    found = check(client, text).json()

    assert found["problems"]
    assert found["picture"] == ""


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"dag": 3}', "[" * 200_000])
def test_a_check_without_a_text_is_refused(body: str, client: Client, boss: User) -> None:
    answer = client.post(reverse("admin:pipelines_pipelineversion_check"), body, content_type="application/json")

    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid-input"


def test_a_text_too_large_to_be_checked_while_typing_is_refused(client: Client, boss: User) -> None:
    assert check(client, "x" * 2_100_000).status_code == 413


def test_two_versions_are_compared_in_words_and_pictures(client: Client, boss: User, two: Any) -> None:
    old, new = two

    page = page_of(client, f"{url(new, 'compare')}?against={old.pk}")

    assert labels(page) == [
        "first: Changed · emit@1",
        "gone: Removed · emit@1",
        "first: Changed · emit@1; is tried again up to 2 times",
        "new: Added · listed@1",
    ]
    assert page.count('class="dag-line dag-line-removed"') == page.count('class="dag-line dag-line-added"') == 1
    assert "<code>retries</code> from <code>not set</code> to <code>2</code>" in page
    assert "<ins>" in page


def test_the_next_version_begins_with_the_dag_of_an_earlier_one(client: Client, boss: User, two: Any) -> None:
    page = page_of(client, f"{reverse('admin:pipelines_pipelineversion_add')}?from={two[1].pk}")

    assert "&quot;retries&quot;: 2" in page
    assert f'value="{two[1].pipeline_id}" selected' in page


def test_a_version_is_made_active_after_a_question(client: Client, boss: User, two: Any) -> None:
    old, new = two

    assert "in place of version 1" in page_of(client, url(new, "activate"))
    assert PipelineVersion.objects.get(is_active=True) == old
    assert client.post(url(new, "activate")).status_code == 302
    assert PipelineVersion.objects.get(is_active=True) == new


def test_a_version_that_cannot_run_is_not_made_active(client: Client, boss: User) -> None:
    broken = factories.PipelineVersionFactory(dag={"nodes": [{"key": "a", "stepVersionId": "nothing@1"}]})

    answer = client.post(url(broken, "activate"))

    assert "does not exist" in answer.content.decode()
    assert not PipelineVersion.objects.filter(is_active=True).exists()


def test_a_version_that_todays_rules_refuse_is_shown_as_text(client: Client, boss: User) -> None:
    broken = factories.PipelineVersionFactory(dag={"nodes": [{"key": SCRIPT, "stepVersionId": "x"}]})
    other = factories.PipelineVersionFactory(pipeline=broken.pipeline, version=2)

    assert "cannot be drawn" in page_of(client, url(broken))
    page = page_of(client, f"{url(other, 'compare')}?against={broken.pk}")
    assert "compared as text only" in page
    assert SCRIPT not in page


def test_each_page_asks_for_its_permission(client: Client, two: Any) -> None:
    user = factories.UserFactory(is_staff=True)
    client.force_login(user)
    new = two[1]

    for name in ("change", "compare", "activate"):
        assert client.get(url(new, name)).status_code == 403
    assert check(client, {}).status_code == 403

    user.user_permissions.add(Permission.objects.get(codename="view_pipelineversion"))
    page = page_of(client, url(new))
    page_of(client, url(new, "compare"))
    assert check(client, {}).status_code == 200
    assert "Make active" not in page
    assert "Make the next version" not in page
    assert client.get(url(new, "activate")).status_code == 403
    assert client.post(url(new, "activate")).status_code == 403
