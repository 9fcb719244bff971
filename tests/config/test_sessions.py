"""Cookies that are no session's."""

import pytest
from django.test import Client

from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("key", ['"abcdefgh\\000"', "'; DROP TABLE", "short", "", "é" * 32, "x" * 5000])
@pytest.mark.parametrize(("address", "status"), [("/healthz", 200), ("/admin/login/", 200), ("/api/pipelines", 401)])
def test_a_made_up_cookie_signs_nobody_in(key: str, address: str, status: int) -> None:
    assert Client().get(address, headers={"Cookie": f"sessionid={key}"}).status_code == status


def test_a_true_cookie_still_does() -> None:
    client = Client()
    client.force_login(UserFactory(is_superuser=True))

    assert client.get("/api/pipelines").status_code == 200
