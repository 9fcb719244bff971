"""What curators do to many items or queues at once, over REST and in the admin."""

import json
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission, User
from django.test import Client
from rest_framework.test import APIClient

from feedback.models import ReviewQueue
from tests import factories
from tests.queries import queries_of

pytestmark = pytest.mark.django_db
QUEUES = "/admin/feedback/reviewqueue/"


@pytest.fixture(autouse=True)
def review_on(settings: LazySettings) -> None:
    settings.REVIEW_ENABLED = True


def may(*codenames: str, **more: Any) -> User:
    user: User = factories.UserFactory(**more)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


@pytest.fixture
def curator() -> APIClient:
    client = APIClient()
    client.force_authenticate(may("curate_review"))
    return client


def test_many_items_are_withdrawn_and_put_back(curator: APIClient) -> None:
    items = factories.ReviewItemFactory.create_batch(3)
    done = factories.ReviewItemFactory(state="done", free_slots=0)
    chosen = {"itemIds": [str(item.pk) for item in (*items, done)]}

    def states() -> list[str]:
        for item in (*items, done):
            item.refresh_from_db()
        return [item.state for item in (*items, done)]

    assert curator.post("/api/review-items/withdraw", chosen, "json").json() == {"changed": 3}
    assert states() == ["withdrawn"] * 3 + ["done"]
    assert curator.post("/api/review-items/withdraw", chosen, "json").json() == {"changed": 0}
    assert curator.post("/api/review-items/put-back", chosen, "json").json() == {"changed": 3}
    assert states() == ["open"] * 3 + ["done"]


def test_an_unknown_item_leaves_all_as_they_are(curator: APIClient) -> None:
    item = factories.ReviewItemFactory()
    stranger = str(item.queue_id)

    for door in ("withdraw", "put-back"):
        refused = curator.post(f"/api/review-items/{door}", {"itemIds": [str(item.pk), stranger]}, "json")
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid-input")
        assert f"There is no item {stranger}. Nothing was changed." in refused.json()["detail"]
        too_many = curator.post(f"/api/review-items/{door}", {"itemIds": [stranger] * 1001}, "json")
        assert too_many.status_code == 400
    item.refresh_from_db()
    assert item.state == "open"


def test_withdrawing_costs_the_same_however_many(curator: APIClient) -> None:
    def cost(count: int) -> int:
        chosen = {"itemIds": [str(item.pk) for item in factories.ReviewItemFactory.create_batch(count)]}
        return queries_of(lambda: curator.post("/api/review-items/withdraw", chosen, "json"))

    cost(1)
    assert cost(1) == cost(6)


def test_filling_is_rehearsed_over_rest(curator: APIClient) -> None:
    factories.IRArtifactFactory.create_batch(2)
    queue = factories.ReviewQueueFactory()
    address = f"/api/review-queues/{queue.pk}/fill"

    assert curator.post(f"{address}?dryRun=true").json()["added"] == 2
    assert not queue.items.exists()
    assert curator.post(f"{address}?dryRun=perhaps").status_code == 400
    assert curator.post(f"{address}?dryRun=false").json()["added"] == 2
    assert queue.items.count() == 2


def pressed(client: Client, action: str, *queues: ReviewQueue) -> str:
    chosen = {"action": action, "_selected_action": [queue.pk for queue in queues]}
    return client.post(QUEUES, chosen, follow=True).content.decode()


def test_queues_are_filled_and_it_is_rehearsed_in_the_admin(client: Client, settings: LazySettings) -> None:
    factories.IRArtifactFactory()
    queue = factories.ReviewQueueFactory(name="All")
    rests = factories.ReviewQueueFactory(name="Rests", is_active=False)
    lost = factories.ReviewQueueFactory(name="Lost", metric=factories.MetricDefinitionFactory(target=None))
    client.force_login(may("curate_review", "view_reviewqueue", is_staff=True))

    shown = pressed(client, "rehearse_filling", queue)
    assert "All: 1 item would be added." in shown
    assert not queue.items.exists()
    shown = pressed(client, "fill_queues", queue, rests, lost)
    assert "All: 1 item added." in shown
    assert "Rests: 0 items added. The queue is at rest" in shown
    assert "Lost: not filled." in shown
    assert queue.items.count() == 1


def test_filling_in_the_admin_is_for_curators_while_review_is_on(client: Client, settings: LazySettings) -> None:
    factories.IRArtifactFactory()
    queue = factories.ReviewQueueFactory()
    client.force_login(may("view_reviewqueue", is_staff=True))
    pressed(client, "fill_queues", queue)
    assert not queue.items.exists()
    client.force_login(may("curate_review", "view_reviewqueue", is_staff=True))
    settings.REVIEW_ENABLED = False
    pressed(client, "fill_queues", queue)
    assert not queue.items.exists()


def test_a_page_fills_no_more_queues_than_can_be_waited_for(client: Client) -> None:
    queues = factories.ReviewQueueFactory.create_batch(51)
    client.force_login(may("curate_review", "view_reviewqueue", is_staff=True))

    assert "Choose 50 at most: these are 51. Nothing was added." in pressed(client, "fill_queues", *queues)


def test_ground_truth_of_a_scope_is_exported() -> None:
    wanted = [factories.GroundTruthFactory(scope="split", reference_id="a", version=n) for n in (1, 2)]
    factories.GroundTruthFactory(scope="other")
    reader = APIClient()
    reader.force_authenticate(may("view_groundtruth"))

    answer = reader.get("/api/ground-truth/export?scope=split")

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/x-ndjson")
    lines = [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]
    assert [line["version"] for line in lines] == [truth.version for truth in wanted]
    assert {line["scope"] for line in lines} == {"split"}
    for strange in ("", "?scope=", "?scope=split&key=x"):
        assert reader.get(f"/api/ground-truth/export{strange}").status_code == 400
    stranger = APIClient()
    stranger.force_authenticate(may())
    assert stranger.get("/api/ground-truth/export?scope=split").status_code == 403
