"""What the site answers while its database is away."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.db.utils import IntegrityError, OperationalError
from django.test import Client

pytestmark = pytest.mark.django_db


def refuse(*args: object) -> None:
    raise OperationalError("a secret detail")


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


@pytest.fixture
def database_away() -> Iterator[None]:
    with connection.execute_wrapper(refuse):
        yield


@pytest.mark.parametrize("address", ["/api/pipelines", "/metrics"])
def test_programs_are_asked_to_try_again(address: str, client: Client, database_away: None) -> None:
    answer = client.get(address, headers={"Authorization": f"Bearer {'a' * 64}"})

    assert (answer.status_code, answer["Retry-After"], answer.json()["code"]) == (503, "5", "database-away")
    assert b"secret" not in answer.content


def test_people_are_told_so_in_words(client: Client, database_away: None) -> None:
    client.cookies["sessionid"] = "a" * 32

    answer = client.get("/admin/")

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert b"The database is away" in answer.content


def test_any_other_error_is_none_to_wait_for(client: Client) -> None:
    def fail(*args: object) -> None:
        raise IntegrityError("a secret detail")

    with connection.execute_wrapper(fail):
        answer = client.get("/api/pipelines", headers={"Authorization": f"Bearer {'a' * 64}"})

    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
