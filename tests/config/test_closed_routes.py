"""A closed route is as if it were not there, for those it is closed to."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from knox.models import AuthToken

from monitoring.flags import Key, Who, add_rule, set_flag
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
RUNS = "/api/monitoring/test-runs"
QUEUES = "/admin/feedback/reviewqueue/"
REVIEW_TABLES = (
    "reviewqueue",
    "reviewquestion",
    "reviewitem",
    "reviewassignment",
    "reviewanswer",
    "groundtruthset",
    "groundtruthsetitem",
    "activationgate",
    "evaluation",
    "evaluationitem",
    "judge",
    "judgement",
)


@pytest.fixture
def ada() -> User:
    user: User = UserFactory(username="ada", is_staff=True, is_superuser=True)
    return user


def open_for(user: User, key: Key = Key.MONITORING_API_ENABLED) -> None:
    add_rule(key=key, who=Who.USER, target=user, value="on", reason="canary")


@pytest.mark.parametrize("method", ["get", "head", "post", "put", "patch", "delete", "options"])
def test_a_closed_endpoint_answers_as_an_address_that_leads_nowhere(method: str, client: Client, ada: User) -> None:
    client.force_login(ada)

    nowhere, closed = (getattr(client, method)(path) for path in ("/api/nothing-here", RUNS))

    assert closed.status_code == 404
    assert (closed.content, dict(closed.headers)) == (nowhere.content, dict(nowhere.headers))


def test_a_canary_opens_it_to_the_session_and_the_key_of_one_user(client: Client, ada: User) -> None:
    open_for(ada)
    _, hers = AuthToken.objects.create(ada)
    _, another = AuthToken.objects.create(UserFactory(is_superuser=True))

    statuses = {
        key: client.get(RUNS, headers={"Authorization": f"Bearer {key}"}).status_code for key in (hers, another)
    }
    assert statuses == {hers: 200, another: 404}
    assert client.get(RUNS, headers={"Authorization": "Bearer nonsense"}).status_code == 404
    assert client.get(RUNS).status_code == 404
    client.force_login(ada)
    assert client.get(RUNS).status_code == 200


def test_a_key_is_looked_up_once_also_where_a_rule_asks_whose_it_is(client: Client, ada: User) -> None:
    open_for(ada)
    _, hers = AuthToken.objects.create(ada)

    with CaptureQueriesContext(connection) as queries:
        client.get(RUNS, headers={"Authorization": f"Bearer {hers}"})

    assert sum("config_api_keys" in each["sql"] for each in queries) == 1


def test_open_to_all_it_asks_a_stranger_to_sign_in(client: Client) -> None:
    set_flag(key=Key.MONITORING_API_ENABLED, value="on", reason="open")

    assert client.get(RUNS).status_code == 401


@pytest.mark.parametrize("model", REVIEW_TABLES)
def test_review_screens_are_hidden_but_from_those_they_are_open_to(model: str, client: Client, ada: User) -> None:
    path = f"/admin/feedback/{model}/"
    client.force_login(ada)
    assert client.get(path).status_code == 404

    open_for(ada, Key.REVIEW_ENABLED)
    assert client.get(path).status_code == 200
    assert QUEUES in client.get("/admin/").content.decode()
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    assert client.get(path).status_code == 404
    assert QUEUES not in client.get("/admin/").content.decode()


@pytest.mark.parametrize("path", ["/admin/", "/admin/review/"])
def test_a_page_and_its_menus_ask_for_a_flag_once(path: str, client: Client, ada: User) -> None:
    set_flag(key=Key.REVIEW_ENABLED, value="on", reason="test")
    client.force_login(ada)

    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200

    assert sum("REVIEW_ENABLED" in query["sql"] for query in captured) == 1


def test_what_came_before_the_flag_stays_open(client: Client, ada: User) -> None:
    client.force_login(ada)

    for model in ("reviewfeedback", "groundtruth"):
        assert client.get(f"/admin/feedback/{model}/").status_code == 200


def test_a_flag_without_rules_costs_one_query_and_other_routes_none(client: Client, ada: User) -> None:
    _, key = AuthToken.objects.create(ada)

    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(path, headers={"Authorization": f"Bearer {key}"})
        return len(captured)

    assert queries(RUNS) == 1
    assert queries("/healthz") == 0
