"""Ground truth: versions that never change, sets that can be frozen, lines that go out and come in again."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from feedback import ground_truth
from feedback.errors import SetFrozen
from feedback.models import GroundTruth, GroundTruthSet, GroundTruthSetItem
from tests.factories import (
    GroundTruthFactory,
    GroundTruthSetFactory,
    GroundTruthSetItemFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def review_on(settings: LazySettings) -> None:
    settings.REVIEW_ENABLED = True


@pytest.fixture
def curator() -> APIClient:
    user = UserFactory()
    wanted = ("curate_review", "view_groundtruth", "view_groundtruthset", "add_groundtruthset")
    user.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    client = APIClient()
    client.force_authenticate(user)
    return client


def refused(action: Any) -> str:
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        action()
    return str(error.value)


def test_a_version_never_changes() -> None:
    truth = GroundTruthFactory(created_by=UserFactory())

    assert "Ground truth never changes" in refused(
        lambda: GroundTruth.objects.filter(pk=truth.pk).update(data={"parts": [1]})
    )
    truth.created_by.delete()
    truth.refresh_from_db()
    assert truth.created_by is None


def test_a_correction_is_the_next_version() -> None:
    first = ground_truth.add_version(scope="split", reference_id="a", data={"n": 1}, provenance={})
    second = ground_truth.add_version(scope="split", reference_id="a", data={"n": 2}, provenance={})

    assert (first.version, second.version) == (1, 2)


def test_a_set_holds_each_answer_once_and_stays_when_frozen() -> None:
    truth_set = GroundTruthSetFactory()
    old, new = GroundTruthFactory(reference_id="a"), GroundTruthFactory(reference_id="a", version=2)
    other = GroundTruthFactory()

    assert ground_truth.put_into_set(truth_set=truth_set, truths=[old, other]) == 2
    assert ground_truth.put_into_set(truth_set=truth_set, truths=[new]) == 0
    assert set(truth_set.members.all()) == {new, other}
    assert ground_truth.take_out_of_set(truth_set=truth_set, ids=[other.pk]) == 1
    frozen = ground_truth.freeze(truth_set=truth_set)
    for write in (
        lambda: ground_truth.put_into_set(truth_set=truth_set, truths=[old]),
        lambda: ground_truth.take_out_of_set(truth_set=truth_set, ids=[new.pk]),
        lambda: ground_truth.freeze(truth_set=truth_set),
    ):
        with pytest.raises(SetFrozen, match="frozen since"):
            write()
    items = GroundTruthSetItem.objects.filter(truth_set=truth_set)
    assert "frozen" in refused(lambda: items.update(ground_truth=old))
    assert "frozen" in refused(lambda: items._raw_delete(items.db))
    assert "frozen" in refused(lambda: GroundTruthSetItemFactory(truth_set=truth_set))
    assert "frozen" in refused(lambda: GroundTruthSet.objects.filter(pk=frozen.pk).update(frozen_at=None))
    GroundTruthSet.objects.filter(pk=frozen.pk).update(name="Renamed")


def test_lines_go_out_and_come_in_again(tmp_path: Path) -> None:
    file, out = tmp_path / "truth.jsonl", StringIO()
    for item in GroundTruthSetItemFactory.create_batch(3, truth_set=GroundTruthSetFactory(key="home")):
        assert item.ground_truth.version == 1
    GroundTruthFactory(scope="other")
    call_command("export_ground_truth", set_key="home", output=file, stdout=out)
    before = list(
        GroundTruth.objects.filter(sets__key="home").order_by("reference_id").values_list("reference_id", "data")
    )
    GroundTruthSetItem.objects.all().delete()
    GroundTruth.objects.all().delete()

    call_command("import_ground_truth", file, set_key="copy", dry_run=True, stdout=out)
    assert not GroundTruthSet.objects.filter(key="copy").exists()
    call_command("import_ground_truth", file, set_key="copy", stdout=out)
    call_command("import_ground_truth", file, set_key="copy", stdout=out)

    said = out.getvalue().splitlines()
    assert said[0] == f"Wrote 3 versions to {file}."
    assert said[1:] == [
        "3 versions would be new, 0 there already.",
        "3 versions new, 0 there already.",
        "0 versions new, 3 there already.",
    ]
    copies = GroundTruth.objects.filter(sets__key="copy").order_by("reference_id")
    assert list(copies.values_list("reference_id", "data")) == before
    shown = StringIO()
    call_command("export_ground_truth", scope="layout_split", stdout=shown)
    assert [json.loads(line)["scope"] for line in shown.getvalue().splitlines()] == ["layout_split"] * 3


GOOD = {"scope": "split", "referenceId": "a", "version": 1, "data": {}}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b'"text"', "needs scope"),
        (b'{"scope": "a\\u0000"}', "U+0000"),
        (json.dumps(GOOD).encode()[:-1] + b', "version": 2}', "the key 'version' stands twice"),
        (json.dumps({**GOOD, "more": 1}).encode(), "needs scope"),
        (json.dumps({**GOOD, "scope": ""}).encode(), "scope must be a text of 1 to 80"),
        (json.dumps({**GOOD, "version": True}).encode(), "version must be a whole number"),
        (json.dumps({**GOOD, "provenance": []}).encode(), "provenance must be an object"),
        (
            json.dumps({**GOOD, "version": 2, "provenance": {"designSplitId": "my page"}}).encode(),
            "/provenance/designSplitId: Give the id of a design",
        ),
        (
            json.dumps({**GOOD, "version": 2, "provenance": {"inputs": ["a"]}}).encode(),
            "/provenance/inputs: Give the inputs of the run as an object",
        ),
        (json.dumps({**GOOD, "data": {"other": 1}}).encode(), "is there with other data"),
    ],
)
def test_one_bad_line_keeps_all_out(tmp_path: Path, line: bytes, reason: str) -> None:
    file = tmp_path / "truth.jsonl"
    file.write_bytes(json.dumps(GOOD).encode() + b"\n\n" + line + b"\n")

    with pytest.raises(CommandError) as error:
        call_command("import_ground_truth", file, set_key="copy")

    assert "line 3: " in str(error.value)
    assert reason in str(error.value)
    assert not GroundTruth.objects.exists()
    assert not GroundTruthSet.objects.exists()


@pytest.mark.parametrize(
    ("provenance", "places"),
    [
        ({"designSplitId": "my page"}, ["/provenance/designSplitId"]),
        ({"designSplitId": 7, "inputs": "text"}, ["/provenance/designSplitId", "/provenance/inputs"]),
        ({"inputs": [1]}, ["/provenance/inputs"]),
    ],
)
def test_provenance_that_evaluations_cannot_read_is_refused(provenance: Any, places: list[str]) -> None:
    writer = APIClient()
    writer.force_authenticate(UserFactory(is_superuser=True))

    answer = writer.post("/api/ground-truth", {**GOOD, "provenance": provenance}, "json")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-input")
    assert [each["path"] for each in answer.json()["errors"]] == places
    assert not GroundTruth.objects.exists()
    kept = {"inputs": {"n": 1}, "designSplitId": None, "note": "my page"}
    assert (
        writer.post(
            "/api/ground-truth", {"scope": "s", "referenceId": "a", "data": 1, "provenance": kept}, "json"
        ).status_code
        == 201
    )


def test_the_admin_refuses_provenance_that_evaluations_cannot_read(boss: User, client: Client) -> None:
    form = {"scope": "s", "reference_id": "a", "version": 1, "data": "7", "provenance": '{"inputs": ["a"]}'}

    page = client.post("/admin/feedback/groundtruth/add/", form).content.decode()

    assert "/provenance/inputs: Give the inputs of the run as an object" in page
    assert not GroundTruth.objects.exists()


def test_a_text_that_only_looks_like_an_escape_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "truth.jsonl"
    file.write_text(json.dumps({**GOOD, "data": {"code": r"\u0000"}}))

    call_command("import_ground_truth", file, set_key="copy")

    assert GroundTruth.objects.get().data == {"code": r"\u0000"}


def test_putting_many_into_a_set_takes_as_many_queries_as_few() -> None:
    truth_set = GroundTruthSetFactory()

    def queries(count: int) -> int:
        truths = GroundTruthFactory.create_batch(count)
        with CaptureQueriesContext(connection) as captured:
            assert ground_truth.put_into_set(truth_set=truth_set, truths=truths) == count
        return len(captured)

    assert queries(2) == queries(30)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no set 'none'"):
        call_command("export_ground_truth", set_key="none")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_ground_truth", tmp_path / "none.jsonl")


def test_no_command_touches_ground_truth_while_review_is_off(tmp_path: Path, settings: LazySettings) -> None:
    file = tmp_path / "truth.jsonl"
    file.write_text(json.dumps(GOOD))
    settings.REVIEW_ENABLED = False

    for command, arguments in (("export_ground_truth", ()), ("import_ground_truth", (file,))):
        with pytest.raises(CommandError, match="REVIEW_ENABLED is off"):
            call_command(command, *arguments)
    assert not GroundTruth.objects.exists()


def test_sets_over_http(curator: APIClient) -> None:
    truths = GroundTruthFactory.create_batch(2)
    made = curator.post("/api/ground-truth-sets", {"key": "home", "name": "Home pages", "tags": ["hard"]}, "json")
    assert made.status_code == 201, made.json()
    address = f"/api/ground-truth-sets/{made.json()['id']}"

    filled = curator.post(f"{address}/items", {"groundTruthIds": [str(truth.pk) for truth in truths]}, "json")
    assert (filled.status_code, filled.json()["itemCount"]) == (200, 2)
    unknown = curator.post(f"{address}/items", {"groundTruthIds": [made.json()["id"]]}, "json")
    assert (unknown.status_code, unknown.json()["code"]) == (400, "invalid-input")
    assert curator.post(f"{address}/freeze").json()["frozenAt"] is not None
    again = curator.post(f"{address}/freeze")
    assert (again.status_code, again.json()["code"]) == (409, "ground-truth-set-frozen")
    found = curator.get("/api/ground-truth", {"setKey": "home"}).json()["results"]
    assert {each["id"] for each in found} == {str(truth.pk) for truth in truths}
    assert found[0].keys() == {
        "id", "scope", "referenceId", "version", "data", "provenance", "reviewFeedbackId", "createdAt",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("address", "make"), [("ground-truth", GroundTruthFactory), ("ground-truth-sets", GroundTruthSetItemFactory)]
)
def test_lists_ask_the_same_number_of_questions_for_many(address: str, make: Any, curator: APIClient) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert curator.get(f"/api/{address}").status_code == 200
        return len(queries)

    make()
    cost()
    few = cost()
    make.create_batch(4)
    assert cost() == few <= 3


def test_while_review_is_off_there_is_nothing(curator: APIClient, settings: LazySettings) -> None:
    settings.REVIEW_ENABLED = False

    assert curator.get("/api/ground-truth").status_code == 404
    assert curator.get("/api/ground-truth-sets").status_code == 404


def test_the_admin_shows_what_changed_between_versions(boss: User, client: Client) -> None:
    old = GroundTruthFactory(reference_id="a", data={"title": "Old", "n": 1})
    new = GroundTruthFactory(reference_id="a", version=2, data={"title": "<b>New</b>", "n": 1})
    page = client.get(f"/admin/feedback/groundtruth/{new.pk}/compare/").content.decode()

    assert "/title" in page
    assert "&lt;b&gt;New&lt;/b&gt;" in page
    assert "/n<" not in page
    assert client.get(f"/admin/feedback/groundtruth/{old.pk}/compare/").status_code == 404
    assert client.get(f"/admin/feedback/groundtruth/{new.pk}/compare/?against=x").status_code == 404
    assert "from version 1" in client.get("/admin/feedback/groundtruth/").content.decode()


def test_the_admin_fills_and_freezes_sets(boss: User, client: Client) -> None:
    truth_set, truth = GroundTruthSetFactory(), GroundTruthFactory()
    item = {"truth_set": truth_set.pk, "ground_truth": truth.pk}
    assert client.post("/admin/feedback/groundtruthsetitem/add/", item).status_code == 302
    assert list(truth_set.members.all()) == [truth]
    freeze = {"action": "freeze_sets", "_selected_action": [truth_set.pk]}

    page = client.post("/admin/feedback/groundtruthset/", freeze, follow=True).content.decode()

    assert "is frozen now" in page
    truth_set.refresh_from_db()
    assert truth_set.frozen_at is not None
    refused_page = client.post("/admin/feedback/groundtruthsetitem/add/", item)
    assert "frozen since" in refused_page.content.decode()


def test_sets_are_found_by_key_tag_and_whether_they_are_frozen(curator: APIClient, boss: User, client: Client) -> None:
    hard = GroundTruthSetFactory(key="hard_pages", tags=["hard", "release 4"])
    frozen = GroundTruthSetFactory(key="home", tags=["release 4"], frozen_at=timezone.now())
    GroundTruthSetFactory(key="other", tags=["hardly"])

    def found(**filters: Any) -> set[str]:
        answer = curator.get("/api/ground-truth-sets", filters)
        assert answer.status_code == 200, answer.json()
        return {each["key"] for each in answer.json()["results"]}

    assert found(key="home") == {"home"}
    assert found(tag="hard") == {"hard_pages"}
    assert found(tag="release 4") == {"hard_pages", "home"}
    assert found(tag="release 4", frozen="true") == {"home"}
    assert found(frozen="false") == {"hard_pages", "other"}
    assert curator.get("/api/ground-truth-sets", {"frozen": "yes"}).status_code == 400

    def shown(**filters: Any) -> set[Any]:
        page = client.get("/admin/feedback/groundtruthset/", filters)
        assert page.status_code == 200
        return {row.pk for row in page.context["cl"].result_list}

    assert shown(tag="hard") == {hard.pk}
    assert shown(q="release 4") == {hard.pk, frozen.pk}
    page = client.get("/admin/feedback/groundtruthset/").content.decode()
    assert "?tag=release+4" in page
    assert "hard, release 4" in page


@pytest.mark.parametrize("tags", ['"hard"', "[1]", '[""]', '{"a": 1}'])
def test_the_admin_refuses_tags_that_are_no_texts(boss: User, client: Client, tags: str) -> None:
    page = client.post("/admin/feedback/groundtruthset/add/", {"key": "home", "name": "Home", "tags": tags})

    assert "Give 20 texts at most, as a list" in page.content.decode()
    assert not GroundTruthSet.objects.exists()


def test_the_list_shortens_references_while_review_is_on(boss: User, client: Client, settings: LazySettings) -> None:
    reference = f"{'0123456789abcdef' * 4}/3"
    of_inputs = f"{'0123456789abcdef' * 4}+{'fedcba9876543210' * 4}"
    for each in (reference, of_inputs):
        GroundTruthFactory(reference_id=each)

    shown = client.get("/admin/feedback/groundtruth/").content.decode()

    assert f'<span title="{reference}">0123456789ab…/3</span>' in shown
    assert f'<span title="{of_inputs}">0123456789ab…+fedcba987654…</span>' in shown
    settings.REVIEW_ENABLED = False
    before = client.get("/admin/feedback/groundtruth/").content.decode()
    assert reference in before
    assert "0123456789ab…" not in before
