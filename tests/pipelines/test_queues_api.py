"""Queues and their questions over REST: made, changed, taken away, by whom, and what is refused."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from feedback import queues, services
from feedback.models import ReviewQuestion, ReviewQueue
from feedback.services import Answer
from tests import factories
from tests.pipelines.roles import roles as roles
from tests.queries import queries_of_page

pytestmark = pytest.mark.django_db
QUEUES, QUESTIONS = "/api/review-queues", "/api/review-questions"
FITS = {"key": "fits", "label": "Does it fit?", "kind": "pass_fail"}
LOOK = {"key": "look", "label": "How does it look?", "kind": "category", "options": ["good", "poor"]}


@pytest.fixture(autouse=True)
def review_on(settings: LazySettings) -> None:
    settings.REVIEW_ENABLED = True


@pytest.fixture
def admin(roles: dict[str, APIClient]) -> APIClient:
    """Beside what rules can name."""
    factories.PipelineDefinitionFactory(key="design_to_modules")
    factories.StepDefinitionFactory(key="module_generate")
    factories.AIProcessFactory(key="layout_split")
    return roles["administrator"]


def made(admin: APIClient, **more: Any) -> dict[str, Any]:
    answer = admin.post(QUEUES, {"key": "modules", "name": "Modules", "kind": "module", **more})
    assert answer.status_code == 201, answer.json()
    body: dict[str, Any] = answer.json()
    assert answer["Location"].endswith(f"{QUEUES}/{body['id']}")
    return body


def answered(queue_id: str) -> ReviewQuestion:
    """Its first question, once somebody has answered it."""
    queue = ReviewQueue.objects.get(pk=queue_id)
    factories.ReviewItemFactory(queue=queue)
    ann = factories.UserFactory()
    held = services.claim_next(queue=queue, reviewer=ann)
    assert held is not None
    services.submit(assignment_id=held.pk, reviewer=ann, answer=Answer("accept", answers={"fits": "pass"}))
    return queue.questions.get(key="fits")


def test_a_queue_is_made_with_its_questions_changed_and_taken_away(admin: APIClient) -> None:
    rule = {"pipeline": "design_to_modules", "step": "module_generate", "onlyInvalid": True, "sharePercent": 20}
    queue = made(admin, reviewersPerItem=2, questions=[FITS, LOOK], **rule)

    assert (queue["reviewersPerItem"], queue["pipeline"], queue["process"]) == (2, "design_to_modules", None)
    assert [each["schema"] for each in queue["questions"]] == [{"enum": ["pass", "fail"]}, {"enum": ["good", "poor"]}]
    address = f"{QUEUES}/{queue['id']}"
    changed = admin.patch(address, {"isActive": False, "pipeline": None, "mostOpen": 7}).json()
    assert (changed["isActive"], changed["pipeline"], changed["mostOpen"]) == (False, None, 7)
    assert (changed["sharePercent"], len(changed["questions"])) == (20, 2)
    assert admin.get(f"{QUEUES}?key=modules&active=true").json()["results"] == []
    assert admin.delete(address).status_code == 204
    assert not ReviewQuestion.objects.filter(queue=queue["id"]).exists()


def test_a_question_is_asked_changed_and_taken_away(admin: APIClient) -> None:
    queue = made(admin)
    body = {"queueId": queue["id"], "key": "score", "label": "Score", "kind": "number", "minimum": 1, "maximum": 5}
    question = admin.post(QUESTIONS, {**body, "order": 3, "helpText": "5 is best."})
    assert question.status_code == 201, question.json()
    address = f"{QUESTIONS}/{question.json()['id']}"

    changed = admin.patch(address, {"maximum": 10, "isRequired": False}).json()

    assert (changed["schema"], changed["isRequired"]) == ({"type": "number", "minimum": 1, "maximum": 10}, False)
    assert admin.get(f"{QUESTIONS}?queueId={queue['id']}").json()["results"] == [changed]
    assert admin.delete(address).status_code == 204
    assert admin.get(address).status_code == 404


@pytest.mark.parametrize(
    ("body", "path", "words"),
    [
        ({"key": "Big"}, "/key", "lower case"),
        ({"key": "taken"}, "/key", "already"),
        ({"reviewersPerItem": 0}, "/reviewersPerItem", "greater than or equal to 1"),
        ({"kind": "poem"}, "/kind", "not a valid choice"),
        ({"pipeline": "nowhere"}, "/pipeline", "does not exist"),
        ({"metricLimit": 0.5}, "", "A limit needs its metric"),
        ({"process": "layout_split"}, "", "Only prompt results come from a process"),
        ({"questions": [FITS, {**LOOK, "options": ["good"]}]}, "/questions/1/options", "2 to 9 different texts"),
        ({"questions": [{**FITS, "options": ["a", "b"]}]}, "/questions/0/options", "Only a question of the kind"),
        ({"questions": [FITS, FITS]}, "/questions/1", "already exists"),
        ({"questions": [{**FITS, "minimum": 1}]}, "/questions/0", "Only a number has a minimum"),
        ({"questions": [{**FITS, "kind": "number", "minimum": 5, "maximum": 1}]}, "/questions/0", "above the maximum"),
        ({"questions": [{**FITS, "kind": "number", "minimum": "nan"}]}, "/questions/0/minimum", "valid number"),
        ({"questions": [{**FITS, "key": f"q{n}"} for n in range(31)]}, "/questions", "no more than 30"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place_and_nothing_is_kept(
    admin: APIClient, body: dict[str, Any], path: str, words: str
) -> None:
    factories.ReviewQueueFactory(key="taken")

    refused = admin.post(QUEUES, {"key": "modules", "name": "Modules", "kind": "module", **body})

    assert (refused.status_code, refused.json()["code"]) == (400, "invalid-input")
    [error] = refused.json()["errors"][:1]
    assert (error["path"], words in error["message"]) == (path, True), error
    assert ReviewQueue.objects.count() == 1


def test_what_was_answered_stays(admin: APIClient, client: Client) -> None:
    queue = made(admin, questions=[FITS])
    question = answered(queue["id"])
    address = f"{QUESTIONS}/{question.pk}"

    for answer in (
        admin.patch(address, {"kind": "text"}),
        admin.patch(address, {"key": "suits"}),
        admin.delete(address),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "review-question-answered")
    kept = admin.delete(f"{QUEUES}/{queue['id']}")
    assert (kept.status_code, kept.json()["code"]) == (409, "review-queue-in-use")
    assert admin.patch(address, {"label": "Fits?"}).json()["label"] == "Fits?"
    with pytest.raises(IntegrityError, match="so it stays"), transaction.atomic():
        ReviewQuestion.objects.all()._raw_delete("default")

    client.force_login(factories.UserFactory(is_staff=True, is_superuser=True))
    chosen = {"action": "delete_selected", "_selected_action": [question.pk], "post": "yes"}
    page = client.post(reverse("admin:feedback_reviewquestion_changelist"), chosen, follow=True).content.decode()
    assert "as it has been answered" in page
    client.post(reverse("admin:feedback_reviewquestion_delete", args=[question.pk]), {"post": "yes"})
    form = reverse("admin:feedback_reviewqueue_change", args=[queue["id"]])
    fields = client.get(form).context["adminform"].form.initial
    sent = {name: value for name, value in fields.items() if value not in (None, False)}
    inline = {"questions-TOTAL_FORMS": 1, "questions-INITIAL_FORMS": 1, "questions-0-id": question.pk}
    asked = {f"questions-0-{name}": value for name, value in {**FITS, "order": 0, "DELETE": "on"}.items()}
    said = client.post(form, {**sent, **inline, **asked, "questions-0-queue": queue["id"]}).content.decode()
    assert "The question fits has been answered, so it stays." in said
    assert ReviewQuestion.objects.filter(pk=question.pk).exists()


def test_a_queue_asks_thirty_questions_at_most_by_every_door(admin: APIClient) -> None:
    queue = made(admin, questions=[{**FITS, "key": f"q{n}"} for n in range(30)])

    refused = admin.post(QUESTIONS, {**FITS, "queueId": queue["id"]})

    assert (refused.status_code, "30 questions at most" in refused.json()["detail"]) == (400, True)


def test_each_role_may_do_its_own(roles: dict[str, APIClient], settings: LazySettings) -> None:
    queue = made(roles["administrator"], questions=[FITS])
    address, question = f"{QUEUES}/{queue['id']}", f"{QUESTIONS}/{queue['questions'][0]['id']}"
    stranger = APIClient()
    stranger.force_authenticate(factories.UserFactory())

    for who in (roles["reviewer"], roles["curator"]):
        assert [who.get(each).status_code for each in (QUEUES, address, QUESTIONS, question)] == [200] * 4
        assert [who.post(each, {}).status_code for each in (QUEUES, QUESTIONS)] == [403] * 2
        assert [who.patch(each, {}).status_code for each in (address, question)] == [403] * 2
        assert [who.delete(each).status_code for each in (address, question)] == [403] * 2
    assert [stranger.get(each).status_code for each in (QUEUES, QUESTIONS, f"{address}/progress")] == [403] * 3
    settings.REVIEW_ENABLED = False
    answers = [roles["administrator"].get(each) for each in (QUEUES, address, QUESTIONS, question)]
    assert [each.status_code for each in answers] == [404] * 4


def test_progress_counts_the_items_and_ones_own(roles: dict[str, APIClient]) -> None:
    queue = factories.ReviewQueueFactory()
    for state in ("open", "open", "done", "withdrawn"):
        factories.ReviewItemFactory(queue=queue, state=state)
    roles["reviewer"].post(f"{QUEUES}/{queue.pk}/claim")

    progress = {name: who.get(f"{QUEUES}/{queue.pk}/progress").json() for name, who in roles.items()}

    items = {"open": 2, "disputed": 0, "done": 1, "withdrawn": 1}
    assert progress["reviewer"] == {**items, "answered": 0, "held": 1}
    assert progress["curator"] == {**items, "answered": 0, "held": 0}


@pytest.mark.parametrize("route", [QUEUES, QUESTIONS])
def test_lists_cost_the_same_however_many_rows_there_are(route: str, admin: APIClient) -> None:
    def queries() -> int:
        return queries_of_page(admin, route)

    def more() -> None:
        queue = factories.ReviewQueueFactory(metric=factories.MetricDefinitionFactory())
        factories.ReviewQuestionFactory(queue=queue)

    more()
    queries()
    few = queries()
    for _ in range(4):
        more()
    assert queries() == few


def test_options_belong_to_one_of_several() -> None:
    assert queues.fault_of_options("category", ["a", "b"]) == queues.fault_of_options("text", []) == ""
    for options in ([], ["a"], ["a", "a"], ["a", " "], "ab", [1, 2], list("abcdefghij")):
        assert queues.fault_of_options("category", options) == queues.OPTIONS_WANTED
