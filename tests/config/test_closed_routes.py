"""A closed route is as if it were not there, for those it is closed to."""

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLResolver, get_resolver
from knox.models import AuthToken

from monitoring.flags import Key, Who, add_rule, set_flag
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
RUNS = "/api/monitoring/test-runs"
CURATE = f"/api/review-feedback/{uuid.UUID(int=7)}/curate"
SAMPLES = {"uuid": f"{uuid.UUID(int=7)}", "int": "7"}
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


def addresses(patterns: list[Any] | None = None, above: str = "/") -> Iterator[str]:
    """Every address of the site, with sample values in it."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        here = above + getattr(pattern.pattern, "_route", "")
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, here)
        else:
            yield re.sub(r"<(?:(\w+):)?\w+>", lambda found: SAMPLES.get(found[1], "sample"), here)


def closed_addresses() -> list[str]:
    """For each way in which a closed address can begin, the shortest and the longest."""
    known = list(addresses())
    alike = [sorted((each for each in known if re.match(begin, each)), key=len) for begin in settings.CLOSED_ROUTES]
    assert all(alike)
    return sorted({each for found in alike for each in (found[0], found[-1])})


def answer(client: Client, method: str, address: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """All of it but the time, with the address asked for, which a sign-in returns to, written the same."""
    given = getattr(client, method)(address, headers=headers)
    told = {name: text.replace(address, "") for name, text in given.headers.items() if name != "Expires"}
    return given.status_code, told, given.content


@pytest.mark.parametrize("method", ["get", "head", "post", "put", "patch", "delete", "options", "trace"])
@pytest.mark.parametrize("closed", [RUNS, CURATE, QUEUES, "/admin/review"])
def test_a_closed_address_answers_every_method_as_one_that_leads_nowhere(closed: str, method: str, ada: User) -> None:
    nowhere = f"/{closed.split('/')[1]}/nothing-here"
    _, key = AuthToken.objects.create(ada)
    stranger, hers = (Client(enforce_csrf_checks=True) for _ in range(2))
    hers.force_login(ada)

    for client, headers in ((stranger, {}), (hers, {}), (stranger, {"Authorization": f"Bearer {key}"})):
        assert answer(client, method, closed, **headers) == answer(client, method, nowhere, **headers)
    assert answer(stranger, method, RUNS)[0] == 404


@pytest.mark.parametrize("slash", ["", "/"])
def test_every_closed_address_answers_as_one_that_leads_nowhere(slash: str, ada: User) -> None:
    client = Client()
    client.force_login(ada)

    for closed in closed_addresses():
        nowhere = f"/{closed.split('/')[1]}/nothing-here"
        here = answer(client, "get", closed.rstrip("/") + slash)
        assert here == answer(client, "get", nowhere + slash), closed
        assert here[0] == 404, closed


def test_in_the_admin_a_stranger_is_asked_to_sign_in_at_a_closed_address_as_at_any(client: Client, ada: User) -> None:
    """So that whoever it is open to gets there once they have signed in."""
    open_for(ada, Key.REVIEW_ENABLED)

    assert client.get(QUEUES)["Location"] == f"/admin/login/?next={QUEUES}"
    client.force_login(ada)
    assert client.get(QUEUES).status_code == 200


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
