"""The run page, and what it links to: previews, pictures, the modules as a zip."""

import base64
import io
import zipfile
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from ir_schemas.models import IRArtifact
from pipelines.designs.bundle import DesignBundle
from pipelines.models import PipelineRun, StepRun
from tests import factories

SCRIPT = "<script>alert(1)</script>"
PNG = b"\x89PNG\r\n\x1a\n"

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(client: Client) -> User:
    """A member of staff who may view runs and nothing else."""
    user = factories.UserFactory(is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_pipelinerun"))
    client.force_login(user)
    return user


def split_step(run: PipelineRun, parts: int = 2) -> StepRun:
    """A completed split with its page's picture."""
    step = factories.StepRunFactory(pipeline_run=run, node_key="split", completed=True)
    boxes = [
        {
            "key": f"part_{index}",
            "kind": "hero",
            "label": f"Part {index}",
            "confidence": 1,
            "bounds": {"x": 0, "y": 0, "width": 1, "height": 0.5},
        }
        for index in range(parts)
    ]
    source = {"kind": "html", "name": "page", "width": 1440, "height": 900}
    factories.IRArtifactFactory(step_run=step, ir_json={"source": source, "parts": boxes, "boundsSource": "rendered"})
    name = default_storage.save("runs/page.png", ContentFile(PNG))
    page = factories.SplitAssetFactory(split=run.design_split, kind="page", storage_url=name)
    factories.StepOutputLinkFactory(step_run=step, target_id=page.pk)
    return step


def module_step(run: PipelineRun, index: int, **module: Any) -> IRArtifact:
    """A completed item of a fan-out that made a module, with a metric, files and output links."""
    step = factories.StepRunFactory(pipeline_run=run, node_key="generate", map_index=index, completed=True)
    ir = {
        "kind": "hero",
        "module": {"name": f"module_{index}", "label": f"Module {index}", "css": "h2 {}", "fields": [], **module},
        "renderedHtml": f"<h2>Module {index}</h2>",
    }
    row = factories.GeneratedArtifactFactory(
        design_split=run.design_split,
        content_url=f"runs/{index}",
        meta={"name": f"module_{index}", "files": [f"module_{index}.module/module.html"]},
    )
    default_storage.save(f"runs/{index}/module_{index}.module/module.html", ContentFile(b"<h2>hello</h2>"))
    factories.StepOutputLinkFactory(step_run=step, target_type="GeneratedArtifact", target_id=row.pk)
    factories.StepOutputLinkFactory(step_run=step, target_type="ModuleTemplate", target_id=row.module_id)
    factories.MetricResultFactory(step_run=step)
    factories.MetricResultFactory(step_run=step, metric__key=f"unknown_{index}_{step.pk}", value=None, passed=None)
    return factories.IRArtifactFactory(step_run=step, ir_json=ir)


def scores_step(run: PipelineRun, index: int) -> None:
    """A completed item that judged the module of the same index."""
    step = factories.StepRunFactory(pipeline_run=run, node_key="validate", map_index=index, completed=True)
    ir = {"subject": {"name": f"module_{index}"}, "scores": {"html": 90}, "overall": 90, "grade": "A", "findings": []}
    factories.IRArtifactFactory(step_run=step, ir_json=ir)


def page_of(client: Client, run: PipelineRun) -> str:
    answer = client.get(reverse("admin:pipelines_pipelinerun_change", args=[run.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


PREVIEW_HEADERS = (
    "Content-Security-Policy",
    "Content-Type",
    "Referrer-Policy",
    "X-Content-Type-Options",
    "X-DNS-Prefetch-Control",
    "X-Frame-Options",
)


def preview_url(artifact: IRArtifact) -> str:
    args = [artifact.step_run.pipeline_run_id, artifact.pk]
    return reverse("admin:pipelines_pipelinerun_module_preview", args=args)


def test_the_page_shows_the_split_with_its_picture_and_boxes(client: Client, boss: User) -> None:
    run = factories.PipelineRunFactory(finished=True, started_by=boss)
    split_step(run)

    page = page_of(client, run)

    assert page.count('class="part-box"') == 2
    picture = page.partition('<img src="')[2].partition('"')[0]
    answer = client.get(picture)
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert b"".join(answer.streaming_content) == PNG  # type: ignore[attr-defined]


def test_the_page_shows_each_module_with_metrics_grade_and_preview(client: Client, boss: User) -> None:
    run = factories.PipelineRunFactory(finished=True)
    artifact = module_step(run, 0, fields=[{"name": "heading", "label": "Heading", "type": "text"}])
    scores_step(run, 0)

    page = page_of(client, run)

    assert "Module 0" in page
    assert "1 fields" in page
    assert "Grade A, 90" in page
    assert "✓ metric_" in page
    assert "1 not measured" in page
    assert f'sandbox="" loading="lazy" src="{preview_url(artifact)}"' in page


@pytest.mark.parametrize("model", ["pipelinerun", "steprun"])
def test_a_list_reads_no_documents(model: str, client: Client, boss: User) -> None:
    run = factories.PipelineRunFactory(rerun_of=factories.PipelineRunFactory(finished=True))
    factories.StepRunFactory(pipeline_run=run)

    with CaptureQueriesContext(connection) as captured:
        page = client.get(reverse(f"admin:pipelines_{model}_changelist")).content.decode()

    assert str(run.pipeline_version) in page
    read = [query["sql"] for query in captured.captured_queries]
    assert not [sql for sql in read if '"dag"' in sql or '"inputs"' in sql or '"params"' in sql]


def test_steps_stand_in_the_order_of_the_dag(client: Client, boss: User) -> None:
    nodes = [{"key": "zebra"}, {"key": "ant"}]
    run = factories.PipelineRunFactory(dag={"nodes": nodes})
    for key in ("ant", "zebra"):
        factories.StepRunFactory(pipeline_run=run, node_key=key)

    page = page_of(client, run)

    assert page.index(">zebra</h2>") < page.index(">ant</h2>")


def test_failures_stand_on_top_with_code_and_message(client: Client, boss: User) -> None:
    error = {"code": "design-empty", "message": f"The page shows nothing. {SCRIPT}", "nodeKey": "split"}
    run = factories.PipelineRunFactory(status="failed", finished_at=timezone.now(), error=error)
    factories.StepRunFactory(
        pipeline_run=run, node_key="split", status="failed", attempt=2, finished_at=timezone.now(), error=error
    )

    page = page_of(client, run)

    assert page.index("What went wrong") < page.index("design-empty") < page.index(">split</h2>")
    assert "attempt 2" in page
    assert SCRIPT not in page


def test_what_went_wrong_is_said_once_on_top_and_once_at_its_step(client: Client, boss: User) -> None:
    reason = "its condition is broken"
    error = {"code": "condition-error", "message": reason}
    run = factories.PipelineRunFactory(
        status="failed", finished_at=timezone.now(), error={**error, "nodeKey": "b", "mapIndex": None}
    )
    step_run = factories.StepRunFactory(
        pipeline_run=run, node_key="b", status="failed", finished_at=timezone.now(), error=error, reason=reason
    )
    assert page_of(client, run).count(reason) == 2

    step_run.delete()
    assert page_of(client, run).count(reason) == 1


def test_an_invalid_ir_is_counted_and_linked(client: Client, boss: User) -> None:
    step = factories.StepRunFactory(completed=True)
    artifact = factories.IRArtifactFactory(
        step_run=step, ir_json={"parts": 3, "module": "x"}, outcome="invalid", is_valid=False, error_count=2
    )

    page = page_of(client, step.pipeline_run)

    assert "IR invalid: 2 errors" in page
    assert reverse("admin:ir_schemas_irartifact_change", args=[artifact.pk]) in page


def test_the_page_costs_the_same_for_thirty_modules_as_for_two(client: Client, boss: User) -> None:
    run = factories.PipelineRunFactory()
    split_step(run)

    def queries(first: int, last: int) -> int:
        for index in range(first, last):
            module_step(run, index)
            scores_step(run, index)
        with CaptureQueriesContext(connection) as captured:
            page_of(client, run)
        return len(captured)

    assert queries(0, 2) == queries(2, 30)


def test_a_wide_fan_out_is_cut_but_shows_what_failed(client: Client, boss: User) -> None:
    run = factories.PipelineRunFactory()
    version = factories.StepVersionFactory()
    rows = [StepRun(pipeline_run=run, step_version=version, node_key="wide", map_index=index) for index in range(130)]
    rows[120].status, rows[120].finished_at = StepRun.Status.FAILED, timezone.now()
    StepRun.objects.bulk_create(rows)

    page = page_of(client, run)

    assert page.count('<article class="item') == 101
    assert "129 pending" in page
    assert "29 more are not shown here" in page


def test_an_old_attempts_records_are_left_to_their_lists(client: Client, boss: User) -> None:
    step = factories.StepRunFactory(completed=True, attempt=2)
    factories.MetricResultFactory(step_run=step, attempt=1, metric__key="first_try")
    factories.MetricResultFactory(step_run=step, attempt=2, metric__key="second_try")

    page = page_of(client, step.pipeline_run)

    assert "second_try" in page
    assert "first_try" not in page


def test_names_from_outside_are_escaped(client: Client, boss: User) -> None:
    run = factories.PipelineRunFactory(design_split__name=SCRIPT)
    split_step(run)
    module_step(run, 0, name=SCRIPT, label=SCRIPT, fields=[{"name": SCRIPT, "label": SCRIPT, "type": SCRIPT}])

    page = page_of(client, run)

    assert page.count("&lt;script&gt;alert(1)") >= 5
    assert SCRIPT not in page


def test_a_preview_shows_the_module_and_allows_nothing(client: Client, boss: User) -> None:
    run = factories.PipelineRunFactory()
    artifact = module_step(run, 0, css="</style><script>alert(2)</script>")

    answer = client.get(preview_url(artifact))

    policy = answer.headers["Content-Security-Policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "<h2>Module 0</h2>" in answer.content.decode()
    assert "</style><script>alert(2)" not in answer.content.decode()


def test_a_preview_carries_its_designs_pictures_and_no_others(client: Client, boss: User) -> None:
    bundle = DesignBundle("html", "page.html", "a/page.html", {"a/page.html": b"x", "img/logo.png": PNG})
    name = default_storage.save("designs/page.zip", ContentFile(bundle.to_zip()))
    run = factories.PipelineRunFactory(design_split__bundle=name, design_split__entry="a/page.html")
    artifact = module_step(run, 0, css="h2 { background: url(../img/logo.png) }")
    elsewhere = "https://example.org/img/logo.png"
    markup = f'<img src="../img/logo.png"><img src="{elsewhere}"><img src="../gone.png">'
    artifact.ir_json = {**(artifact.ir_json or {}), "renderedHtml": markup}
    artifact.save()

    page = client.get(preview_url(artifact)).content.decode()

    data = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert f'<img src="{data}"><img src="{elsewhere}"><img src="../gone.png">' in page
    assert f"url({data})" in page


def test_a_preview_belongs_to_its_run(client: Client, boss: User) -> None:
    artifact = module_step(factories.PipelineRunFactory(), 0)
    other = factories.PipelineRunFactory()
    split = split_step(other)

    elsewhere = reverse("admin:pipelines_pipelinerun_module_preview", args=[other.pk, artifact.pk])
    no_module = preview_url(split.ir_artifacts.get())

    assert client.get(elsewhere).status_code == 404
    assert client.get(no_module).status_code == 404


def test_a_preview_is_the_same_over_rest(client: Client, boss: User) -> None:
    run = factories.PipelineRunFactory()
    artifact = module_step(run, 0)
    shown = client.get(preview_url(artifact))

    answer = client.get(f"/api/step-runs/{artifact.step_run_id}/preview", headers={"Accept": "text/html"})

    assert answer.content == shown.content
    for name in PREVIEW_HEADERS:
        assert answer.headers[name] == shown.headers[name]
    refused = client.get(f"/api/step-runs/{split_step(run).pk}/preview")
    assert (refused.status_code, refused.headers["Content-Type"]) == (404, "application/problem+json")
    assert refused.json()["detail"] == "There is no module to show."


@pytest.mark.parametrize("held", ["view_pipelinerun", "view_irartifact", "view_steprun"])
def test_a_preview_over_rest_asks_for_what_the_admin_asks(client: Client, held: str) -> None:
    artifact = module_step(factories.PipelineRunFactory(), 0)
    reader = factories.UserFactory()
    reader.user_permissions.add(Permission.objects.get(codename=held))
    client.force_login(reader)

    assert client.get(f"/api/step-runs/{artifact.step_run_id}/preview").status_code == 403


def test_who_may_view_runs_alone_is_shown_nothing_that_is_refused(client: Client, viewer: User, boss: User) -> None:
    run = factories.PipelineRunFactory()
    split, artifact = split_step(run), module_step(run, 0)
    refused = [
        reverse("admin:pipelines_pipelinerun_modules_zip", args=[run.pk]),
        reverse("admin:pipelines_pipelinerun_module_preview", args=[run.pk, artifact.pk]),
        "/picture",
        reverse("admin:monitoring_testrun_changelist"),
        reverse("admin:pipelines_designsplit_change", args=[run.design_split_id]),
        reverse("admin:pipelines_pipelineversion_change", args=[run.pipeline_version_id]),
    ]
    client.force_login(boss)
    all_of_it = page_of(client, run)
    client.force_login(viewer)
    page = page_of(client, run)

    assert [url for url in refused if url not in all_of_it] == []
    assert [url for url in refused if url in page] == []
    assert str(run.design_split) in page
    assert str(split.node_key) in page


def test_the_modules_come_as_one_zip(client: Client, boss: User) -> None:
    run = factories.PipelineRunFactory()
    module_step(run, 0)
    url = reverse("admin:pipelines_pipelinerun_modules_zip", args=[run.pk])

    assert url in page_of(client, run)
    answer = client.get(url)

    assert answer.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.read("modules/module_0.module/module.html") == b"<h2>hello</h2>"


def test_a_run_without_modules_has_no_zip(client: Client, boss: User) -> None:
    run = factories.PipelineRunFactory()
    url = reverse("admin:pipelines_pipelinerun_modules_zip", args=[run.pk])

    assert url not in page_of(client, run)
    assert client.get(url).status_code == 404


def test_each_part_asks_for_its_own_permission(client: Client, viewer: User) -> None:
    run = factories.PipelineRunFactory()
    artifact = module_step(run, 0)
    asset = factories.SplitAssetFactory(storage_url="a.png")

    page_of(client, run)

    assert client.get(preview_url(artifact)).status_code == 403
    assert client.get(reverse("admin:pipelines_pipelinerun_modules_zip", args=[run.pk])).status_code == 403
    assert client.get(reverse("admin:pipelines_splitasset_picture", args=[asset.pk])).status_code == 403


@pytest.mark.parametrize("name", ["gone.png", "../../etc/passwd.png", "page.svg", "page.html", ""])
def test_only_stored_pictures_are_served(name: str, client: Client, boss: User) -> None:
    asset = factories.SplitAssetFactory(storage_url=name)

    assert client.get(reverse("admin:pipelines_splitasset_picture", args=[asset.pk])).status_code == 404


def test_an_asset_page_leads_back_to_its_run(client: Client, boss: User) -> None:
    run = factories.PipelineRunFactory()
    step = split_step(run)
    link = step.output_links.get()

    page = client.get(reverse("admin:pipelines_splitasset_change", args=[link.target_id])).content.decode()

    assert f"{reverse('admin:pipelines_pipelinerun_change', args=[run.pk])}#step-{step.pk}" in page
    assert reverse("admin:pipelines_splitasset_picture", args=[link.target_id]) in page
