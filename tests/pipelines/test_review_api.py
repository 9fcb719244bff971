"""Review over REST: claiming, answering, and to whom which route is open."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from feedback import services
from feedback.models import ReviewAnswer, ReviewAssignment, ReviewItem, ReviewQuestion, ReviewQueue
from ir_schemas.models import IRArtifact
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def review_on(settings: LazySettings) -> None:
    settings.REVIEW_ENABLED = True


def client_of(*codenames: str) -> APIClient:
    user: User = factories.UserFactory()
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def ann(db: None) -> APIClient:
    return client_of("review_item")


@pytest.fixture
def queue(db: None) -> ReviewQueue:
    made: ReviewQueue = factories.ReviewQueueFactory()
    factories.ReviewQuestionFactory(queue=made, key="fits", label="Fits")
    return made


def item(queue: ReviewQueue, document: Any = None) -> ReviewItem:
    artifact = factories.IRArtifactFactory(ir_json={"a": 1} if document is None else document)
    made: ReviewItem = factories.ReviewItemFactory(queue=queue, target_id=artifact.pk)
    return made


def claim(client: APIClient, queue: ReviewQueue, **body: Any) -> Any:
    return client.post(f"/api/review-queues/{queue.pk}/claim", body)


def at(assignment: Any, name: str = "") -> str:
    return f"/api/review-assignments/{assignment['id']}{name and f'/{name}'}"


def test_an_item_is_claimed_looked_at_and_answered_once(ann: APIClient, queue: ReviewQueue) -> None:
    waiting = item(queue)
    metric = factories.MetricResultFactory(step_run=waiting.step_run)

    claimed = claim(ann, queue).json()
    assert claim(ann, queue).json()["id"] == claimed["id"]
    assert claimed["item"]["id"] == str(waiting.pk)
    assert claimed["content"]["output"] == {"a": 1}
    assert claimed["content"]["metrics"] == [{"key": metric.metric.key, "value": 0.9, "passed": True}]
    assert claimed["content"]["schemaId"] is claimed["answer"] is None
    kept = ann.put(at(claimed, "draft"), {"draft": {"comments": "so far"}}).json()
    assert kept["reservedUntil"] >= claimed["reservedUntil"]
    assert ann.get(at(claimed)).json()["draft"] == {"comments": "so far"}

    body = {"verdict": "accept", "answers": {"fits": "pass"}, "remarks": [{"path": "/a", "comment": "One."}]}
    first, again = (ann.post(at(claimed, "answer"), body) for _ in range(2))

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json() == ann.get(at(claimed)).json()["answer"]
    other = ann.post(at(claimed, "answer"), {**body, "verdict": "reject"})
    assert (other.status_code, other.json()["code"]) == (409, "review-already-answered")
    assert ReviewAnswer.objects.count() == 1
    assert claim(ann, queue).status_code == 204


def test_what_does_not_fit_is_refused_with_its_place(ann: APIClient, queue: ReviewQueue) -> None:
    item(queue)
    claimed = claim(ann, queue).json()

    missing = ann.post(at(claimed, "answer"), {"verdict": "accept"}).json()
    assert missing["code"] == "review-answers-invalid"
    assert missing["errors"][0]["path"] == "/answers/fits"
    body = {"verdict": "correct", "answers": {"fits": "fail"}}
    for correction in (None, {"a": 1}):
        refused = ann.post(at(claimed, "answer"), {**body, "correction": correction})
        assert (refused.status_code, refused.json()["code"]) == (400, "review-correction-invalid")
    assert ann.post(at(claimed, "answer"), {**body, "correction": {"a": 2}}).json()["correction"] == {"a": 2}


def test_a_remark_is_on_a_place_of_the_output_or_its_correction(ann: APIClient, queue: ReviewQueue) -> None:
    item(queue)
    claimed = claim(ann, queue).json()
    body = {"verdict": "correct", "answers": {"fits": "fail"}, "correction": {"a": 2, "b/c": [{"d": 1}]}}

    def give(path: str, **changes: Any) -> Any:
        remarks = [{"path": "", "comment": "All of it."}, {"path": path, "comment": "This."}]
        return ann.post(at(claimed, "answer"), {**body, **changes, "remarks": remarks})

    for path, changes, told in (
        ("/b", {}, "The output has no place /b. At its top is an object with a."),
        ("/b~1c/1", {"verdict": "accept"}, "The output has no place /b~1c/1. At its top is an object with a."),
        ("/a/0", {"verdict": "reject"}, "The output has no place /a/0. At /a is a single value."),
        ("/" + "x" * 99, {}, f"The output has no place /{'x' * 39}…. At its top is an object with a."),
    ):
        refused = give(path, **changes)
        assert (refused.status_code, refused.json()["code"]) == (400, "review-answers-invalid")
        assert refused.json()["errors"] == [{"path": "/remarks/1/path", "code": "remark-nowhere", "message": told}]
    assert give("/b~1c/0/d").status_code == 200


def test_skipping_and_giving_back_can_be_repeated(ann: APIClient, queue: ReviewQueue) -> None:
    item(queue)
    item(queue)
    first = claim(ann, queue).json()
    second = claim(ann, queue, besides=first["id"]).json()
    assert first["id"] != second["id"]

    states = [ann.post(at(first, "skip"), {"note": "mine"}).json()["state"] for _ in range(2)]
    states += [ann.post(at(second, "release")).json()["state"] for _ in range(2)]

    assert states == ["skipped", "skipped", "released", "released"]
    assert list(ReviewItem.objects.values_list("free_slots", flat=True)) == [1, 1]
    assert ann.post(at(first, "answer"), {"verdict": "accept", "answers": {"fits": "pass"}}).status_code == 409


def test_assignments_of_others_are_not_there(ann: APIClient, queue: ReviewQueue) -> None:
    item(queue)
    theirs = services.claim_next(queue=queue, reviewer=factories.UserFactory())
    assert theirs is not None
    place = {"id": theirs.pk}

    assert ann.get("/api/review-assignments").json()["results"] == []
    assert ann.get(at(place)).status_code == 404
    assert ann.put(at(place, "draft"), {"draft": {}}).status_code == 404
    assert ann.post(at(place, "answer"), {"verdict": "accept"}).status_code == 404
    for name in ("skip", "release"):
        assert ann.post(at(place, name), {}).status_code == 404
    theirs.refresh_from_db()
    assert theirs.state == "reserved"


def test_curators_fill_queues_and_withdraw_items(ann: APIClient, queue: ReviewQueue) -> None:
    factories.IRArtifactFactory()
    fill = f"/api/review-queues/{queue.pk}/fill"
    assert ann.post(fill).status_code == ann.get("/api/review-items").status_code == 403
    curator = client_of("curate_review")

    filled = [curator.post(fill).json() for _ in range(2)]
    why = "No output meets its rule that it does not hold yet."
    assert filled == [{"added": 1, "whyNone": ""}, {"added": 0, "whyNone": why}]
    made = curator.get(f"/api/review-items?queueId={queue.pk}&state=open").json()["results"][0]
    place = f"/api/review-items/{made['id']}"
    states = [curator.post(f"{place}/{name}").json()["state"] for name in ("withdraw", "withdraw", "put-back")]
    assert states == ["withdrawn", "withdrawn", "open"]
    assert curator.get(place).json()["targetId"] == made["targetId"]


def test_a_curator_has_an_item_handed_out_first(ann: APIClient, queue: ReviewQueue) -> None:
    older, newer = item(queue), item(queue)
    place = f"/api/review-items/{newer.pk}"
    curator = client_of("curate_review")

    assert ann.patch(place, {"priority": 1}).status_code == 403
    for wrong in ({"priority": 1001}, {"priority": None}, {}):
        assert curator.patch(place, wrong).status_code == 400
    assert curator.patch(place, {"priority": 5}).json()["priority"] == 5

    first = claim(ann, queue).json()
    assert first["item"]["id"] == str(newer.pk)
    body = {"verdict": "accept", "answers": {"fits": "pass"}}
    assert ann.post(at(first, "answer"), body).status_code == 200
    assert curator.patch(place, {"priority": 9}).json()["priority"] == 5, "a done item stays as it is"
    assert claim(ann, queue).json()["item"]["id"] == str(older.pk)


def test_the_same_answer_is_taken_once_however_it_is_written(ann: APIClient, queue: ReviewQueue) -> None:
    factories.ReviewQuestionFactory(queue=queue, key="score", label="Score", kind="number", is_required=False)
    item(queue, {"a": 5})
    claimed = claim(ann, queue).json()
    body = {"verdict": "correct", "answers": {"fits": "pass", "score": None}, "correction": {"a": 1}}

    first = ann.post(at(claimed, "answer"), body)
    ReviewQuestion.objects.filter(key="score").update(is_required=True)
    IRArtifact.objects.all().delete()
    again = ann.post(
        at(claimed, "answer"), {**body, "correction": {"a": 1.0}, "answers": {"fits": "pass", "score": ""}}
    )

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    for other in ({"answers": {"fits": "pass", "score": 0}}, {"correction": {"a": True}}, {"comments": "More."}):
        refused = ann.post(at(claimed, "answer"), {**body, **other})
        assert (refused.status_code, refused.json()["code"]) == (409, "review-already-answered"), other


def test_a_reservation_that_lapsed_is_not_held(ann: APIClient, queue: ReviewQueue) -> None:
    item(queue)
    claim(ann, queue)
    progress = f"/api/review-queues/{queue.pk}/progress"
    assert ann.get(progress).json()["held"] == 1

    ReviewAssignment.objects.update(reserved_until=timezone.now() - timedelta(seconds=1))

    assert ann.get(progress).json()["held"] == 0


def test_the_routes_are_there_only_while_review_is_on(
    ann: APIClient, queue: ReviewQueue, settings: LazySettings
) -> None:
    assert ann.get(f"/api/review-queues/{queue.pk}").json()["questions"][0]["schema"] == {"enum": ["pass", "fail"]}
    settings.REVIEW_ENABLED = False
    for name in ("queues", "items", "assignments"):
        assert ann.get(f"/api/review-{name}").status_code == 404


@pytest.mark.parametrize("route", ["review-queues", "review-items", "review-assignments"])
def test_lists_cost_the_same_for_many_rows(route: str, queue: ReviewQueue) -> None:
    client = client_of("review_item", "curate_review")
    reviewer = User.objects.latest("pk")

    def queries(rows: int) -> int:
        for _ in range(rows):
            other = factories.ReviewQueueFactory()
            factories.ReviewQuestionFactory(queue=other)
            item(other)
            services.claim_next(queue=other, reviewer=reviewer)
        with CaptureQueriesContext(connection) as captured:
            assert len(client.get(f"/api/{route}").json()["results"]) >= rows
        return len(captured)

    client.get(f"/api/{route}")  # reads the user's permissions, which are then known
    assert queries(2) == queries(12) <= 3
    assert ReviewAssignment.objects.count() == 14


def test_an_adjudicator_sees_the_answers_and_decides(queue: ReviewQueue) -> None:
    queue.reviewers_per_item = 2
    queue.save()
    waiting = item(queue)
    ann, bob, cleo, curator = map(client_of, ("review_item", "review_item", "adjudicate_item", "curate_review"))
    for client, verdict, remarks in ((ann, "accept", []), (bob, "reject", [{"path": "/a", "comment": "Two."}])):
        body = {"verdict": verdict, "answers": {"fits": "pass"}, "remarks": remarks}
        held = claim(client, queue).json()
        assert (held["isAdjudication"], held["answersSoFar"]) == (False, [])
        assert client.post(at(held, "answer"), body).status_code == 200
    place = f"/api/review-items/{waiting.pk}"
    assert (curator.get(place).json()["state"], curator.get(place).json()["acceptedAnswer"]) == ("disputed", None)

    wanted = f"/api/review-queues/{queue.pk}/claim-adjudication"
    assert ann.post(wanted).status_code == 403
    assert claim(cleo, queue).status_code == 403
    held = cleo.post(wanted).json()
    assert cleo.post(wanted).json()["id"] == held["id"]
    assert curator.post(wanted).status_code == 204
    assert held["isAdjudication"] is True
    assert [(each["reviewer"], each["verdict"]) for each in held["answersSoFar"]] == [("A", "accept"), ("B", "reject")]
    assert held["answersSoFar"][1]["remarks"] == [{"path": "/a", "comment": "Two."}]
    names = [user.username for user in User.objects.all()]
    assert not any(name in str(held) for name in names)

    decided = cleo.post(at(held, "answer"), {"verdict": "reject", "answers": {"fits": "fail"}}).json()

    assert curator.get(place).json()["acceptedAnswer"] == decided
    assert curator.get(place).json()["state"] == "done"
    report = curator.get(f"/api/review-queues/{queue.pk}/agreement").json()
    assert (report["adjudicatedItems"], report["itemsToAdjudicate"]) == (1, 0)
    assert report["questions"][0]["answers"] == 2
