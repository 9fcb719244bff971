"""What the review screen and the admin do with answers, ground truth and its sets, over REST."""

import json
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from feedback.models import GroundTruth, GroundTruthSet, Judge, ReviewFeedback
from ir_schemas.models import IRArtifact
from pipelines.models import DesignSplit
from pipelines.review.evaluating import services as evaluations
from tests import factories
from tests.contract.test_legacy_reads import artifact
from tests.pipelines.building import PAGE, contract, pipeline, run
from tests.pipelines.example_steps import HANDLERS
from tests.pipelines.roles import roles as roles
from tests.pipelines.test_curation import reviewed
from tests.pipelines.truths import RIGHT, truths
from tests.queries import queries_of_page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("logging_on")]
FEEDBACK, SETS, TRUTHS = "/api/review-feedback", "/api/ground-truth-sets", "/api/ground-truth"
NDJSON = "application/x-ndjson"


@pytest.fixture(autouse=True)
def review_on(settings: LazySettings) -> None:
    settings.REVIEW_ENABLED = True
    settings.PIPELINE_STEPS = HANDLERS


@pytest.fixture
def curator(roles: dict[str, APIClient]) -> APIClient:
    return roles["curator"]


def test_something_is_said_outside_of_a_queue(curator: APIClient, settings: LazySettings) -> None:
    made = artifact()
    body = {"artifactId": made.pk, "status": "rejected", "ratings": {"overall": 1}, "findings": [{"rule": "alt"}]}

    said = curator.post(FEEDBACK, {**body, "comments": "No."})

    assert said.status_code == 201, said.json()
    assert curator.get(said["Location"]).json() == said.json()
    assert (said.json()["reviewer"], said.json()["artifactId"]) == ("curator@example.org", str(made.pk))
    assert curator.post(FEEDBACK, {**body, "reviewer": "ann"}).json()["reviewer"] == "ann"
    refused = curator.post(FEEDBACK, {"comments": "Of what?"})
    assert (refused.status_code, "Say what it is of" in refused.json()["detail"]) == (400, True)
    unknown = curator.post(FEEDBACK, {"moduleId": made.pk}).json()
    assert unknown["errors"][0]["path"] == "/moduleId"
    settings.REVIEW_ENABLED = False
    closed = curator.post(FEEDBACK, body)
    assert (closed.status_code, closed.json()["code"]) == (405, "method-not-allowed")
    assert closed["Allow"] == curator.get(FEEDBACK)["Allow"] == "GET, HEAD, OPTIONS"
    assert ReviewFeedback.objects.count() == 2


def test_many_reviews_become_ground_truth_each_on_its_own(roles: dict[str, APIClient], settings: LazySettings) -> None:
    contract("emit", {"type": "object", "properties": {"n": {"type": "integer"}}})
    good, bad, wrong = reviewed(), reviewed("reject"), reviewed("correct", {"n": "two"})
    unknown = "01955230-0000-7000-8000-000000000000"
    body = {"reviewFeedbackIds": [good.pk, bad.pk, wrong.pk, good.pk, unknown]}
    address = f"{FEEDBACK}/curate"

    curated = roles["curator"].post(address, body)

    assert curated.status_code == 200, curated.json()
    assert [each["reviewFeedbackId"] for each in curated.json()["groundTruth"]] == [str(good.pk)]
    assert {each["reviewFeedbackId"]: each["code"] for each in curated.json()["refused"]} == {
        str(bad.pk): "feedback-not-curatable",
        str(wrong.pk): "ground-truth-invalid",
        unknown: "not-found",
    }
    assert GroundTruth.objects.count() == 1
    assert roles["reviewer"].post(address, body).status_code == 403
    settings.REVIEW_ENABLED = False
    assert roles["curator"].post(address, body).status_code == 404


def test_answers_are_read_once_an_item_is_settled(roles: dict[str, APIClient]) -> None:
    feedback = reviewed("correct", {"n": 2})
    item = feedback.answer.assignment.item
    address = f"/api/review-answers?itemId={item.pk}&verdict=correct&queueId={item.queue_id}"

    [answer] = roles["curator"].get(address).json()["results"]

    assert (answer["correction"], answer["itemId"], answer["isAdjudication"]) == ({"n": 2}, str(item.pk), False)
    assert answer["reviewFeedbackId"] == str(feedback.pk)
    single = f"/api/review-answers/{answer['id']}"
    assert roles["curator"].get(single).json() == answer
    item.state = "open"
    item.save()
    assert roles["curator"].get(address).json()["results"] == []
    assert roles["curator"].get(single).status_code == 404
    assert roles["reviewer"].get(address).status_code == 403


def claimed(reviewer: APIClient, queue: Any) -> str:
    held = reviewer.post(f"/api/review-queues/{queue.pk}/claim").json()
    return f"/api/review-assignments/{held['id']}"


def test_a_correction_is_checked_without_giving_it(roles: dict[str, APIClient]) -> None:
    contract("emit", {"type": "object", "properties": {"n": {"type": "integer"}}})
    item = reviewed().answer.assignment.item
    other = factories.ReviewItemFactory(target_id=item.target_id)
    address = f"{claimed(roles['reviewer'], other.queue)}/check"

    def check(correction: Any, who: str = "reviewer") -> Any:
        return roles[who].post(address, {"correction": correction}).json()

    assert check({"n": 2}) == {"valid": True, "faults": []}
    assert check({"n": "two"})["faults"][0]["path"] == "/correction/n"
    assert check({"title": "Bikes", "n": 1})["faults"][0]["message"].startswith("The correction changes nothing")
    assert check(None)["valid"] is False
    assert check({"n": 2}, who="curator")["code"] == "not-found"


def test_the_pictures_of_an_item_are_its_reviewers_alone(roles: dict[str, APIClient]) -> None:
    done = run(pipeline({"key": "first", "params": {"ir": RIGHT}}), design=PAGE)
    design = DesignSplit.objects.get(pk=str(done.design_split_id))
    name = default_storage.save("curate/page.png", ContentFile(b"\x89PNG"))
    factories.SplitAssetFactory(split=design, kind="page", storage_url=name, meta={"key": "page"})
    made = IRArtifact.objects.get(step_run__pipeline_run=done)
    item = factories.ReviewItemFactory(target_id=made.pk, design_split=design)
    address = f"{claimed(roles['reviewer'], item.queue)}/pictures"

    shown = roles["reviewer"].get(f"{address}/page")

    assert (shown.status_code, shown["Content-Type"]) == (200, "image/png")
    assert b"".join(shown.streaming_content) == b"\x89PNG"
    assert roles["reviewer"].get(f"{address}/else").status_code == 404
    assert roles["curator"].get(f"{address}/page").status_code == 404


def test_the_preview_of_a_module_is_its_reviewers_alone(roles: dict[str, APIClient]) -> None:
    document = {"module": {"name": "hero", "css": "h2 {}"}, "renderedHtml": "<h2>Bikes</h2>"}
    done = run(pipeline({"key": "first", "params": {"ir": document}}), design=PAGE)
    made = IRArtifact.objects.get(step_run__pipeline_run=done)
    item = factories.ReviewItemFactory(target_id=made.pk)
    address = f"{claimed(roles['reviewer'], item.queue)}/preview"

    shown = roles["reviewer"].get(address)

    assert (shown.status_code, "<h2>Bikes</h2>" in shown.content.decode()) == (200, True)
    assert shown["Content-Security-Policy"].endswith("; sandbox")
    assert roles["curator"].get(address).status_code == 404


def test_versions_of_ground_truth_are_compared(curator: APIClient) -> None:
    old, new, other = (
        factories.GroundTruthFactory(reference_id=reference, version=version, data={"n": version})
        for reference, version in (("a", 1), ("a", 2), ("b", 1))
    )
    address = f"{TRUTHS}/{new.pk}/compare"

    changed = [{"operation": "changed", "path": "/n", "before": 1, "after": 2}]
    assert curator.get(address).json() == {"version": 2, "against": 1, "differences": changed, "isCut": False}
    assert curator.get(f"{TRUTHS}/{old.pk}/compare?against=2").json()["against"] == 2
    for missing in (f"{TRUTHS}/{other.pk}/compare", f"{address}?against=9", f"{address}?against=x"):
        assert curator.get(missing).status_code == 404


def test_a_set_is_changed_emptied_and_taken_away_until_it_is_frozen(roles: dict[str, APIClient]) -> None:
    admin = roles["administrator"]
    items = factories.GroundTruthSetItemFactory.create_batch(2, truth_set=factories.GroundTruthSetFactory(key="home"))
    address = f"{SETS}/{items[0].truth_set_id}"

    assert admin.patch(address, {"key": "pages", "tags": ["hard"]}).json()["tags"] == ["hard"]
    assert admin.patch(address, {"key": "Pages"}).json()["errors"][0]["path"] == "/key"
    left = admin.post(f"{address}/take-out", {"groundTruthIds": [items[0].ground_truth_id]}).json()
    assert (left["key"], left["itemCount"]) == ("pages", 1)
    assert roles["curator"].delete(address).status_code == 403
    frozen = factories.GroundTruthSetFactory(frozen_at=timezone.now())
    closed = f"{SETS}/{frozen.pk}"
    answers = [admin.patch(closed, {"name": "Else"}), admin.delete(closed)]
    answers.append(admin.post(f"{closed}/take-out", {"groundTruthIds": [items[1].ground_truth_id]}))
    assert [each.json()["code"] for each in answers] == ["ground-truth-set-frozen"] * 3
    used = factories.EvaluationFactory(truth_set=factories.GroundTruthSetFactory()).truth_set
    kept = admin.delete(f"{SETS}/{used.pk}")
    assert (kept.status_code, kept.json()["code"]) == (409, "ground-truth-set-in-use")
    assert admin.delete(address).status_code == 204
    assert GroundTruth.objects.filter(pk=items[1].ground_truth_id).exists()


def sent(client: APIClient, truth_set: GroundTruthSet, body: Any, query: str = "") -> Any:
    return client.post(f"{SETS}/{truth_set.pk}/import{query}", body, content_type=NDJSON)


def test_a_set_goes_out_and_comes_in_as_lines(curator: APIClient) -> None:
    first, second = (factories.GroundTruthSetFactory(key=key) for key in ("first", "second"))
    factories.GroundTruthSetItemFactory.create_batch(3, truth_set=first)

    out = curator.get(f"{SETS}/{first.pk}/export")
    lines = b"".join(out.streaming_content)

    assert (out["Content-Type"], len(lines.splitlines())) == (NDJSON, 3)
    assert 'filename="first.jsonl"' in out["Content-Disposition"]
    more = json.dumps({"scope": "split", "referenceId": "new", "version": 1, "data": [1]}).encode()
    assert sent(curator, second, lines + more, "?dryRun=true").json() == {"created": 1, "unchanged": 3}
    assert second.members.count() == 0
    assert sent(curator, second, lines + more).json() == {"created": 1, "unchanged": 3}
    assert sent(curator, second, lines + more).json() == {"created": 0, "unchanged": 4}
    assert second.members.count() == 4
    reader = APIClient()
    reader.force_authenticate(factories.UserFactory())
    assert [reader.get(f"{SETS}/{first.pk}/export").status_code, sent(reader, second, b"").status_code] == [403, 403]


HOSTILE = [
    (b"\xff\xfe", "not JSON"),
    (b"[" * 100_000, "not JSON"),
    (b'{"scope": NaN}', "not JSON"),
    (b'{"scope": 1e999}', "not JSON"),
    (b'{"scope": "s", "referenceId": "\\ud800", "version": 1, "data": 1}', "not JSON"),
    (b'{"scope": "s", "referenceId": "\\u0000", "version": 1, "data": 1}', "U+0000"),
    (b'{"scope": "s", "referenceId": "r", "version": 99999999999, "data": 1}', "whole number"),
    (b'{"scope": "s", "referenceId": "r", "version": 1, "data": null}', "must not be null"),
    (b'{"scope": "s", "referenceId": "r", "version": 1, "data": 1, "id": 7}', "it needs scope"),
    (b'{"scope": {}, "referenceId": "r", "version": 1, "data": 1}', "scope must be a text"),
]


@pytest.mark.parametrize(("line", "words"), HOSTILE)
def test_a_hostile_line_keeps_all_out_and_is_named(curator: APIClient, line: bytes, words: str) -> None:
    truth_set = factories.GroundTruthSetFactory()
    good = b'{"scope": "s", "referenceId": "a", "version": 1, "data": 1}\n'

    refused = sent(curator, truth_set, good + line)

    assert (refused.status_code, refused.json()["code"]) == (400, "ground-truth-import-refused")
    [error] = refused.json()["errors"]
    assert (error["path"], words in error["message"]) == ("line 2", True), error
    assert not GroundTruth.objects.exists()


def test_lines_are_not_taken_into_a_frozen_set_nor_as_another_type(curator: APIClient) -> None:
    truth_set = factories.GroundTruthSetFactory(frozen_at=timezone.now())
    line = b'{"scope": "s", "referenceId": "a", "version": 1, "data": 1}'

    assert sent(curator, truth_set, line).json()["code"] == "ground-truth-set-frozen"
    assert sent(curator, truth_set, line, "?dryRun=maybe").status_code == 400
    assert curator.post(f"{SETS}/{truth_set.pk}/import", {"scope": "s"}).status_code == 415
    assert not GroundTruth.objects.exists()


def test_an_evaluation_is_carried_on(curator: APIClient, django_capture_on_commit_callbacks: Any) -> None:
    version = pipeline({"key": "first", "params": {"ir": RIGHT}})
    begun = evaluations.start_evaluation(truth_set=truths(1), version=version)
    address = f"/api/evaluations/{begun.pk}/carry-on"
    stranger = APIClient()
    stranger.force_authenticate(factories.UserFactory())

    with django_capture_on_commit_callbacks() as work:
        carried = curator.post(address)

    assert len(work) == 1
    assert (carried.status_code, carried.json()["id"]) == (202, str(begun.pk))
    assert stranger.post(address).status_code == 403


def test_listing_answers_costs_the_same_however_many_there_are(curator: APIClient) -> None:
    def queries() -> int:
        return queries_of_page(curator, "/api/review-answers")

    reviewed()
    queries()
    few = queries()
    for _ in range(4):
        reviewed()
    assert queries() == few


def test_a_judge_is_made_and_changed_until_it_has_judged(roles: dict[str, APIClient]) -> None:
    admin, curator = roles["administrator"], roles["curator"]
    body = {"key": "strict", "name": "Strict", "promptId": factories.AIPromptFactory().pk, "passFrom": 0.7}

    made = admin.post("/api/judges", body)

    assert made.status_code == 201, made.json()
    address = made["Location"]
    assert admin.get(address).json()["metricKey"] == "judge_strict"
    assert admin.patch(address, {"passFrom": 0.8}).json()["passFrom"] == 0.8
    assert admin.patch(address, {"provider": "nobody"}).json()["errors"][0]["path"] == "/provider"
    assert admin.post("/api/judges", body).json()["errors"][0]["path"] == "/key"
    factories.JudgementFactory(judge=Judge.objects.get())
    fixed = admin.patch(address, {"passFrom": 0.9})
    assert (fixed.status_code, fixed.json()["code"]) == (409, "judge-fixed")
    assert admin.patch(address, {"name": "Stern"}).json()["name"] == "Stern"
    assert [curator.post("/api/judges", body).status_code, curator.patch(address, {}).status_code] == [403, 403]


def test_who_holds_an_item_is_for_administrators_and_says_nothing_of_answers(roles: dict[str, APIClient]) -> None:
    item = reviewed("correct", {"n": 2}).answer.assignment.item
    address = f"/api/review-items/{item.pk}/holders"

    [holder] = roles["administrator"].get(address).json()["results"]

    assert holder.keys() == {"id", "reviewer", "slot", "isAdjudication", "state", "claimedAt", "reservedUntil", "note"}
    assert roles["curator"].get(address).status_code == 403


def test_each_role_finds_what_its_forms_ask_for(roles: dict[str, APIClient], client: Client) -> None:
    forms = {
        "curator": [("feedback", "evaluation", name) for name in ("truth_set", "version", "prompt")],
        "administrator": [
            *(("feedback", "activationgate", name) for name in ("pipeline", "process", "truth_set")),
            *(("feedback", "reviewqueue", name) for name in ("pipeline", "step", "process", "metric")),
        ],
    }
    for role, fields in forms.items():
        user = User.objects.get(username=role)
        user.is_staff = True
        user.save()
        client.force_login(user)
        for app, model, name in fields:
            query = {"app_label": app, "model_name": model, "field_name": name}
            assert client.get(reverse("admin:autocomplete", query=query)).status_code == 200, (role, model, name)
