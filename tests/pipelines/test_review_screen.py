"""The review screen: what it shows, what it takes, and to whom it is open."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from config.models import uuid7
from feedback import services
from feedback.models import ReviewAnswer, ReviewAssignment, ReviewItem, ReviewQueue
from feedback.services import Answer
from ir_schemas.models import IRArtifact, IRSchema
from ir_schemas.services import activate_version, create_version
from monitoring.flags import Key, set_flag
from pipelines.models import StepRun
from pipelines.seeding.roles import plant_role
from tests import factories
from tests.pipelines.roles import ann as ann
from tests.queries import queries_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def review_on(db: None) -> None:
    set_flag(key=Key.REVIEW_ENABLED, value="on", reason="test")


def queue_with(document: Any, **more: Any) -> ReviewQueue:
    queue: ReviewQueue = factories.ReviewQueueFactory(key="q", **more)
    add(queue, document)
    return queue


def add(queue: ReviewQueue, document: Any, step_run: StepRun | None = None, **more: Any) -> ReviewItem:
    made = {"step_run": step_run} if step_run else {}
    artifact = factories.IRArtifactFactory(ir_json=document, **made, **more)
    item: ReviewItem = factories.ReviewItemFactory(queue=queue, target_id=artifact.pk)
    return item


def claim(client: Client, **data: Any) -> str:
    answer = client.post(reverse("review:queue", args=["q"]), data)
    assert answer.status_code == 302
    return str(answer.headers["Location"])


def text_of(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def send(client: Client, url: str, verdict: str, **data: Any) -> Any:
    return client.post(url, {"verdict": verdict, **data})


def test_a_reviewer_works_a_queue_off(client: Client, ann: User) -> None:
    queue = queue_with({"parts": ["a"]}, instructions="Look closely.")
    add(queue, {"parts": ["b"]})
    factories.ReviewQuestionFactory(queue=queue, key="fits", label="Does it fit?")

    assert "2 wait" in text_of(client, reverse("review:queues"))
    assert "Look closely." in text_of(client, reverse("review:queue", args=["q"]))
    first = claim(client)
    assert "Does it fit?" in text_of(client, first)
    second = send(client, first, "accept", **{"q.fits": "pass", "comments": "Good."}).headers["Location"]
    assert second != first
    assert '<progress max="2" value="1"' in text_of(client, second)
    end = send(client, second, "reject", **{"q.fits": "fail"})

    assert end.headers["Location"] == reverse("review:queue", args=["q"])
    assert "Nothing is left for you" in text_of(client, end.headers["Location"])
    assert list(ReviewAnswer.objects.order_by("id").values_list("verdict", "answers", "comments")) == [
        ("accept", {"fits": "pass"}, "Good."),
        ("reject", {"fits": "fail"}, ""),
    ]
    assert "Your answer" in text_of(client, first)


def test_the_script_gets_the_next_item_in_the_answer_to_what_it_sends(client: Client, ann: User) -> None:
    queue = queue_with({"a": 1})
    add(queue, {"b": 2})
    begin = reverse("review:queue", args=["q"])

    first, again = (client.post(begin, {"here": "1"}) for _ in range(2))
    held = ReviewAssignment.objects.get()
    second = client.post(address(held), {"verdict": "accept", "here": "1"})

    assert (first.status_code, first.context["assignment"]) == (200, held) == (200, again.context["assignment"])
    assert f'action="{address(held)}" id="review-form"' in first.content.decode()
    other = ReviewAssignment.objects.get(state="reserved")
    assert other != held
    assert f'data-address="{address(other)}"' in second.content.decode()
    assert client.post(address(held), {"verdict": "accept", "here": "1"}).context["assignment"] == other
    end = client.post(address(other), {"verdict": "skip", "here": "1"})
    assert end.headers["Location"] == begin


def address(assignment: ReviewAssignment) -> str:
    return reverse("review:item", args=[assignment.pk])


def test_what_is_refused_comes_back_with_all_that_was_typed(client: Client, ann: User) -> None:
    queue = queue_with({"a": 1})
    factories.ReviewQuestionFactory(queue=queue, key="fits", label="Fits")
    factories.ReviewQuestionFactory(queue=queue, key="score", label="Score", kind="number", maximum=5)
    url = claim(client)

    refused = send(client, url, "accept", **{"q.score": "seven", "comments": "typed <b>"})

    page = refused.content.decode()
    assert refused.status_code == 400
    assert "Fits: answer this question." in page
    assert "Score: give a number of at most 5, in digits, with a point before decimals and no commas" in page
    assert "A number of at most 5." in page
    assert "typed &lt;b&gt;" in page
    assert 'value="seven"' in page
    assert "data-kept" not in page
    assert send(client, url, "nonsense", **{"q.fits": "pass"}).status_code == 400
    assert not ReviewAnswer.objects.exists()
    assert send(client, url, "accept", **{"q.fits": "pass", "q.score": "4.5"}).status_code == 302
    assert ReviewAnswer.objects.get().answers == {"fits": "pass", "score": 4.5}


@pytest.mark.parametrize(("verdict", "field"), [("accept", "comments"), ("accept", "q.why"), ("skip", "note")])
def test_a_text_that_cannot_be_kept_is_refused_in_words(client: Client, ann: User, verdict: str, field: str) -> None:
    factories.ReviewQuestionFactory(queue=queue_with({"a": 1}), key="why", label="Why", kind="text", is_required=False)

    refused = send(client, url := claim(client), verdict, **{field: "a\0b"})

    assert (refused.status_code, "U+0000" in refused.content.decode()) == (400, True)
    assert send(client, url, verdict, **{field: "ab"}).status_code == 302


def schema_in_force(step_run: StepRun) -> IRSchema:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    made = create_version(model=IRSchema, owner=step_run.step_version, schema=schema)
    activate_version(schema=made)
    return IRSchema.objects.get(pk=made.pk)


def test_a_correction_must_fit_the_schema_in_force_and_change_something(client: Client, ann: User) -> None:
    step_run = factories.StepRunFactory(completed=True)
    schema = schema_in_force(step_run)
    queue = factories.ReviewQueueFactory(key="q")
    fault = {"path": "/a", "code": "type", "message": "This must be an integer.", "hint": "Send 1."}
    add(queue, {"a": "x"}, step_run, outcome="invalid", is_valid=False, error_count=1, validation_errors=[fault])
    url = claim(client)

    page = text_of(client, url)
    assert page.count("This must be an integer.") == 2, "in the list of faults, and at its line"
    for text, reason in (
        ("{", "The correction at /"),
        ('{"a": "x"}', "changes nothing"),
        ('{"a": "y"}', "The correction at /a"),
        ("null", "null is no output"),
    ):
        refused = send(client, url, "correct", correction=text)
        assert refused.status_code == 400
        assert reason in refused.content.decode()
        judged = client.post(f"{url}check", text, content_type="text/plain").json()
        assert judged["valid"] is False
        assert judged["summary"] != "Valid."
    assert client.post(f"{url}check", '{\n"a": "y"}', content_type="text/plain").json()["problems"][0]["line"] == 2
    assert client.post(f"{url}check", '{"a": 2}', content_type="text/plain").json()["valid"] is True

    assert send(client, url, "correct", correction='{"a": 2}').status_code == 302
    given = ReviewAnswer.objects.get()
    assert (given.correction, given.corrected_under) == ({"a": 2}, schema.pk)


def test_a_text_is_corrected_as_text(client: Client, ann: User) -> None:
    result = factories.PromptResultFactory(result="A hero.\nTwo lines.")
    queue = factories.ReviewQueueFactory(key="q", kind="prompt_result")
    factories.ReviewItemFactory(queue=queue, kind="prompt_result", target_id=result.pk, step_run=None)
    url = claim(client)

    page = text_of(client, url)
    assert "Describe the hero." in page
    assert client.post(f"{url}check", "{", content_type="text/plain").json()["valid"] is True
    same = send(client, url, "correct", correction="A hero.\r\nTwo lines.")
    assert "changes nothing" in same.content.decode()
    send(client, url, "correct", correction="A hero!\r\nTwo lines.")
    assert ReviewAnswer.objects.get().correction == "A hero!\nTwo lines."


def test_a_draft_is_kept_and_shown_again(client: Client, ann: User) -> None:
    queue_with({"a": 1})
    url = claim(client)
    draft = {"answers": {}, "correction": '{"a": 2', "comments": "half", "remarks": [{"path": "/a", "comment": "why"}]}

    kept = client.post(f"{url}draft", json.dumps(draft), content_type="application/json")

    assert kept.status_code == 200
    assert kept.json()["reservedUntil"]
    page = text_of(client, url)
    assert all(part in page for part in ("data-kept", "half", 'value="/a"', 'value="why"', "{&quot;a&quot;: 2"))
    for body in ("{", "[]", '{"comments": "\\u0000"}'):
        refused = client.post(f"{url}draft", body, content_type="application/json")
        assert refused.status_code == 400, body
        assert refused.json()["code"] == "invalid-input"
    assert ReviewAssignment.objects.get().draft["comments"] == "half"


@pytest.mark.parametrize("draft", [[], {"answers": 3, "remarks": [1, {"path": 2}], "comments": {}}, {"remarks": {}}])
def test_a_draft_of_another_shape_breaks_no_page(draft: Any, client: Client, ann: User) -> None:
    queue_with({"a": 1})
    url = claim(client)
    ReviewAssignment.objects.update(draft=draft)

    assert client.get(url).status_code == 200


def test_skipping_and_giving_back(client: Client, ann: User) -> None:
    queue = queue_with({"a": 1})
    add(queue, {"a": 2})
    first = claim(client)
    ahead = claim(client, besides=str(ReviewAssignment.objects.get().pk))
    assert first != ahead

    assert send(client, first, "release").headers["Location"] == reverse("review:queue", args=["q"])
    assert send(client, ahead, "skip").headers["Location"] == first
    assert set(ReviewAssignment.objects.values_list("state", flat=True)) == {"skipped", "reserved"}
    assert "You skipped it" in text_of(client, ahead)
    late = send(client, ahead, "accept")
    assert late.status_code == 409
    assert "Go on to the next." in late.content.decode()


@pytest.mark.parametrize(
    ("typed", "kept"), [("4", 4), (".5", 0.5), ("5.", 5.0), ("+3", 3), ("-1e2", -100.0), ("1e-3", 0.001)]
)
def test_a_number_is_taken_as_it_is_commonly_written(typed: str, kept: float, client: Client, ann: User) -> None:
    queue = queue_with({"a": 1})
    factories.ReviewQuestionFactory(queue=queue, key="score", label="Score", kind="number")

    assert send(client, claim(client), "accept", **{"q.score": typed}).status_code == 302
    assert ReviewAnswer.objects.get().answers == {"score": kept}


@pytest.mark.parametrize("typed", ["4,5", "1,000", "four", "true", "1e999", "9" * 401, "9" * 400, "[" * 9_999, "٣"])
def test_what_is_no_number_is_refused_with_how_to_write_one(typed: str, client: Client, ann: User) -> None:
    queue = queue_with({"a": 1})
    factories.ReviewQuestionFactory(queue=queue, key="score", label="Score", kind="number", minimum=0, maximum=5)
    url = claim(client)

    assert "A number from 0 to 5." in text_of(client, url)
    refused = send(client, url, "accept", **{"q.score": typed})

    assert refused.status_code == 400
    wanted = "Score: give a number from 0 to 5, in digits, with a point before decimals and no commas: 4 or 0.5."
    assert wanted in refused.content.decode()
    assert f'value="{typed}"' in refused.content.decode()


def test_comments_that_are_too_long_are_refused_and_kept_in_their_field(client: Client, ann: User) -> None:
    queue_with({"a": 1})
    url = claim(client)

    for comments, why in (("x" * 10_001, "10,001 characters; at most 10,000 fit"), ("a\0b", "U+0000")):
        refused = send(client, url, "accept", comments=comments)
        assert refused.status_code == 400
        assert why in refused.content.decode()
        assert comments in refused.content.decode()
    assert not ReviewAnswer.objects.exists()
    assert send(client, url, "accept", comments="x" * 10_000).status_code == 302
    assert len(ReviewAnswer.objects.get().comments) == 10_000


def test_a_verdict_sent_twice_is_taken_once_and_leads_on(client: Client, ann: User) -> None:
    queue = queue_with({"a": 1})
    factories.ReviewQuestionFactory(queue=queue, key="fits", label="Fits")
    factories.ReviewQuestionFactory(queue=queue, key="score", label="Score", kind="number", is_required=False)
    for number in range(3):
        add(queue, {"a": number})
    answered = {"q.fits": "pass", "q.score": "", "remark_path": "/a", "remark_comment": " Here. ", "comments": " So. "}
    corrected = {**answered, "correction": '{"a": 9.0}'}

    for verdict, data in (("accept", answered), ("correct", corrected), ("skip", {})):
        url = claim(client)
        first, again = (send(client, url, verdict, **data) for _ in range(2))
        assert (first.status_code, again.status_code) == (302, 302), verdict
        assert first.headers["Location"] == again.headers["Location"] != url
    assert ReviewAnswer.objects.count() == 2
    url = reverse("review:item", args=[ReviewAnswer.objects.earliest("pk").assignment_id])
    for verdict, data in (("accept", {**answered, "comments": "Else."}), ("reject", answered), ("skip", {})):
        assert send(client, url, verdict, **data).status_code == 409
    last = claim(client)
    back = [send(client, last, "release", comments="Half.").headers["Location"] for _ in range(2)]
    assert back == [reverse("review:queue", args=["q"])] * 2
    assert ReviewItem.objects.filter(free_slots=1).count() == 2


def test_giving_back_keeps_what_was_typed(client: Client, ann: User) -> None:
    queue_with({"a": 1})
    url = claim(client)

    assert send(client, url, "release", comments="a\0b").status_code == 400
    assert send(client, url, "release", comments="Half.", correction='{"a": 2').status_code == 302

    assert claim(client) == url
    assert "Half." in text_of(client, url)
    assert "{&quot;a&quot;: 2" in text_of(client, url)


def test_an_unchanged_output_is_not_called_a_valid_correction(client: Client, ann: User) -> None:
    queue_with({"a": 1})
    url = claim(client)

    def judge(text: str) -> dict[str, Any]:
        judged: dict[str, Any] = client.post(f"{url}check", text, content_type="text/plain").json()
        return judged

    unchanged, null, changed = judge('{"a":  1.0}'), judge("null"), judge('{"a": 2}')
    assert (unchanged["valid"], unchanged["problems"]) == (False, [])
    assert unchanged["summary"] == "The correction changes nothing. Accept the output, or change it."
    assert (null["valid"], null["problems"][0]["line"]) == (False, 1)
    assert null["problems"][0]["message"] == "Send the whole output as it should be; null is no output."
    assert changed["valid"] is True
    assert changed["summary"] == "No schema is in force for it, so only that it can be stored was checked."


def test_an_item_whose_reservation_lapsed_waits_again(client: Client, ann: User) -> None:
    queue = queue_with({"a": 1})
    held = services.claim_next(queue=queue, reviewer=factories.UserFactory())
    assert held is not None
    assert "0 wait" in text_of(client, reverse("review:queues"))

    ReviewAssignment.objects.update(reserved_until=timezone.now() - timedelta(seconds=1))

    assert "1 waits" in text_of(client, reverse("review:queues"))
    url = claim(client)
    ReviewAssignment.objects.filter(reviewer=ann).update(reserved_until=timezone.now() - timedelta(seconds=1))
    add(queue, {"a": 2})
    send(client, claim(client), "accept")
    assert '<progress max="2" value="1"' in text_of(client, url), "one that waits is not one's own as well"


def test_an_item_is_open_to_who_holds_it_alone(client: Client, ann: User) -> None:
    queue = queue_with({"a": 1})
    bob = factories.UserFactory()
    theirs = services.claim_next(queue=queue, reviewer=bob)
    assert theirs is not None
    url = reverse("review:item", args=[theirs.pk])

    assert client.get(url).status_code == 404
    assert client.get(f"{url}preview").status_code == 404
    assert client.get(f"{url}picture/page").status_code == 404
    assert send(client, url, "accept").status_code == 404
    assert client.post(f"{url}draft", "{}", content_type="application/json").status_code == 404
    assert client.post(f"{url}check", "{}", content_type="text/plain").status_code == 404


def test_the_screen_is_for_reviewers_while_review_is_on(client: Client, ann: User) -> None:
    queue_with({"a": 1})
    pages = [reverse("review:queues"), reverse("review:queue", args=["q"]), claim(client)]

    assert client.post(reverse("review:fill", args=["q"])).status_code == 403
    set_flag(key=Key.REVIEW_ENABLED, value="off", reason="test")
    assert [client.get(page).status_code for page in pages] == [404] * 3
    set_flag(key=Key.REVIEW_ENABLED, value="on", reason="test")
    client.force_login(factories.UserFactory(is_staff=True))
    assert [client.get(page).status_code for page in pages] == [403] * 3
    client.force_login(factories.UserFactory())
    assert [client.get(page).status_code for page in pages] == [302] * 3


def test_a_curator_fills_a_queue_here(client: Client, ann: User) -> None:
    plant_role("curator")
    ann.groups.add(Group.objects.get(name="curator"))
    factories.IRArtifactFactory()
    queue = factories.ReviewQueueFactory(key="q")

    page = client.post(reverse("review:fill", args=["q"]), follow=True).content.decode()

    assert "1 item was added." in page
    assert queue.items.count() == 1
    again = client.post(reverse("review:fill", args=["q"]), follow=True).content.decode()
    assert "0 items were added. No output meets its rule that it does not hold yet." in again
    ReviewQueue.objects.update(metric=factories.MetricDefinitionFactory(target=None))
    assert "has no target" in client.post(reverse("review:fill", args=["q"]), follow=True).content.decode()


def test_a_curator_has_an_item_handed_out_before_others(client: Client, ann: User) -> None:
    queue = queue_with({"a": 1})
    newer = add(queue, {"a": 2})
    plant_role("curator")
    ann.groups.add(Group.objects.get(name="curator"))
    items = reverse("admin:feedback_reviewitem_changelist")

    def act(action: str) -> str:
        page = client.post(items, {"action": action, "_selected_action": [str(newer.pk)]}, follow=True)
        return page.content.decode()

    assert "1 of them were not done and come before the others" in act("hand_out_first")
    assert "1 of them were not done and come in their turn again" in act("hand_out_in_turn")
    assert ReviewItem.objects.get(pk=newer.pk).priority == 0
    act("hand_out_first")
    assert client.get(claim(client)).context["item"] == newer


def test_a_split_is_drawn_over_its_page(client: Client, ann: User) -> None:
    step_run = factories.StepRunFactory(completed=True)
    parts = [{"key": "p", "label": "Hero", "kind": "hero", "bounds": {"x": 0, "y": 0, "width": 1, "height": 0.5}}]
    queue = factories.ReviewQueueFactory(key="q")
    item = add(queue, {"source": {"width": 9, "height": 9}, "parts": parts, "boundsSource": "rendered"}, step_run)
    ReviewItem.objects.filter(pk=item.pk).update(design_split=step_run.pipeline_run.design_split)
    name = default_storage.save("page.png", ContentFile(b"picture"))
    factories.SplitAssetFactory(split=step_run.pipeline_run.design_split, kind="page", storage_url=name)
    url = claim(client)

    page = text_of(client, url)
    assert "hero: Hero" in page
    assert f"{url}picture/page" in page
    shown = client.get(f"{url}picture/page")
    assert b"".join(shown.streaming_content) == b"picture"
    assert "sandbox" in shown.headers["Content-Security-Policy"]


def test_a_module_is_shown_in_a_frame_that_can_do_nothing(client: Client, ann: User) -> None:
    hostile = "<script>parent.hacked = 1</script><h2>Hero</h2>"
    made = factories.StepRunFactory(completed=True)
    factories.IRArtifactFactory(
        step_run=made, ir_json={"module": {"name": "hero", "css": "", "fields": []}, "renderedHtml": hostile}
    )
    module = factories.ModuleTemplateFactory(name="hero")
    queue = factories.ReviewQueueFactory(key="q", kind="module")
    factories.ReviewItemFactory(queue=queue, kind="module", target_id=module.pk, module=module, step_run=made)
    url = claim(client)

    page = text_of(client, url)
    assert '<iframe sandbox=""' in page
    assert "<script>parent" not in page
    preview = client.get(f"{url}preview")
    assert preview.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_an_output_that_is_gone_can_be_skipped(client: Client, ann: User) -> None:
    queue_with({"a": 1})
    url = claim(client)
    IRArtifact.objects.all().delete()

    assert "no longer kept" in text_of(client, url)
    assert send(client, url, "skip").status_code == 302


def test_the_input_of_an_item_of_a_fan_out_is_its_part(client: Client, ann: User) -> None:
    nodes = [
        {"key": "split", "stepVersionId": str(factories.StepVersionFactory().pk)},
        {
            "key": "make",
            "stepVersionId": str(factories.StepVersionFactory().pk),
            "dependsOn": ["split"],
            "forEach": "split.parts",
        },
    ]
    run = factories.PipelineRunFactory(dag={"nodes": nodes})
    split = factories.StepRunFactory(pipeline_run=run, node_key="split", completed=True)
    factories.IRArtifactFactory(step_run=split, ir_json={"parts": [{"key": "one"}, {"key": "the second part"}]})
    made = factories.StepRunFactory(pipeline_run=run, node_key="make", map_index=1, completed=True)
    queue = factories.ReviewQueueFactory(key="q")
    add(queue, {"a": 1}, made)

    page = text_of(client, claim(client))

    assert "the second part" in page
    assert ">&quot;one&quot;<" not in page


def test_an_item_costs_the_same_in_a_long_queue(client: Client, ann: User) -> None:
    queue = queue_with({"a": 1})
    url = claim(client)

    def queries() -> int:
        return queries_of(lambda: text_of(client, url))

    few = queries()
    for _ in range(20):
        add(queue, {"a": 1})
        factories.ReviewQueueFactory()
    services.claim_next(queue=queue, reviewer=ann, besides=ReviewAssignment.objects.get().pk)
    factories.MetricResultFactory(step_run=ReviewAssignment.objects.earliest("pk").item.step_run)

    assert queries() == few
    assert few == 7
    assert queries_of(lambda: send(client, url, "accept")) == 13


@pytest.fixture
def cleo(client: Client) -> User:
    """A curator by her group alone, signed in."""
    plant_role("curator")
    user: User = factories.UserFactory(username="cleo", is_staff=True)
    user.groups.add(Group.objects.get(name="curator"))
    client.force_login(user)
    return user


def disputed(document: Any) -> ReviewQueue:
    queue = queue_with(document, reviewers_per_item=2)
    factories.ReviewQuestionFactory(queue=queue, key="fits", label="Does it fit?")
    ann, bob = factories.UserFactory(username="ann"), factories.UserFactory(username="bob")
    said = (Answer("accept", {"fits": "pass"}, comments="Fine <b>."), Answer("correct", {"fits": "fail"}, {"a": 2}))
    for who, answer in zip((ann, bob), said, strict=True):
        held = services.claim_next(queue=queue, reviewer=who)
        assert held is not None
        services.submit(assignment_id=held.pk, reviewer=who, answer=answer)
    return queue


def test_a_third_person_decides_with_the_answers_side_by_side(client: Client, cleo: User) -> None:
    queue = disputed({"a": 1})
    start = reverse("review:adjudicate", args=["q"])

    for page in (reverse("review:queues"), reverse("review:queue", args=["q"]), start):
        assert "To adjudicate (1)" in text_of(client, page)
    url = client.post(start).headers["Location"]
    page = text_of(client, url)
    assert all(part in page for part in ("Reviewer A", "Reviewer B", "Fine &lt;b&gt;.", "<code>/a</code> changed"))
    assert page.count(">differs<") == 3, "verdict, question and correction"
    assert "ann" not in page.split("so-far")[1].split("</section>")[0]
    begun = text_of(client, f"{url}?begin=B")
    assert 'value="fail" checked' in begun
    assert "&quot;a&quot;: 2" in begun
    assert text_of(client, f"{url}?begin=Z").count("checked") == 0

    done = send(client, url, "correct", correction='{"a": 3}', **{"q.fits": "fail"})

    assert done.headers["Location"] == start
    assert "Nothing is left to adjudicate" in text_of(client, start)
    assert queue.items.get().state == "done"
    assert ReviewAnswer.objects.get(assignment__slot=0).correction == {"a": 3}
    assert "Reviewer B" in text_of(client, url)


def test_an_adjudication_is_skipped_and_given_back_to_its_own_page(client: Client, cleo: User) -> None:
    queue = disputed({"a": 1})
    start = reverse("review:adjudicate", args=["q"])
    url = client.post(start).headers["Location"]

    assert send(client, url, "release").headers["Location"] == start
    assert client.post(start).headers["Location"] == url
    assert send(client, url, "skip").headers["Location"] == start
    assert "To adjudicate" not in text_of(client, reverse("review:queues"))
    assert queue.items.get().state == "disputed"


def test_adjudicating_is_for_curators_and_whoever_has_its_permission(client: Client, ann: User) -> None:
    start = reverse("review:adjudicate", args=["q"])
    factories.ReviewQueueFactory(key="q")
    assert client.get(start).status_code == client.post(start).status_code == 403
    judge = factories.UserFactory(is_staff=True)
    judge.user_permissions.add(Permission.objects.get(codename="adjudicate_item"))
    client.force_login(judge)

    assert client.get(start).status_code == 200
    page = text_of(client, reverse("review:queue", args=["q"]))
    assert "Go to the next item" not in page
    assert client.post(reverse("review:queue", args=["q"])).status_code == 403
    set_flag(key=Key.REVIEW_ENABLED, value="off", reason="test")
    assert client.get(start).status_code == 404


def test_counting_what_is_disputed_stops_early(client: Client, cleo: User) -> None:
    queue = disputed({"a": 1})
    waiting = {"queue": queue, "kind": "ir_artifact", "state": "disputed", "answers_needed": 2}
    more = [ReviewItem(target_id=uuid7(), **waiting) for _ in range(100)]
    ReviewItem.objects.bulk_create(more[:-2])

    assert "To adjudicate (99)" in text_of(client, reverse("review:queues"))
    ReviewItem.objects.bulk_create(more[-2:])
    assert "To adjudicate (more than 99)" in text_of(client, reverse("review:queues"))
