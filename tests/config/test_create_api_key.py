"""``manage.py create_api_key``."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def test_the_printed_key_signs_its_user_in(capsys: pytest.CaptureFixture[str]) -> None:
    UserFactory(username="robot", is_superuser=True)

    call_command("create_api_key", "robot")

    client = APIClient(headers={"Authorization": f"Bearer {capsys.readouterr().out.strip()}"})
    assert client.get("/api/pipelines").status_code == 200
    assert AuthToken.objects.get().expiry is None


def test_a_key_can_expire() -> None:
    UserFactory(username="robot")

    call_command("create_api_key", "robot", "--days", "30")

    left = AuthToken.objects.get().expiry - timezone.now()
    assert timedelta(days=29) < left <= timedelta(days=30)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nobody"], "no active user 'nobody'"),
        (["gone"], "no active user"),
        (["robot", "--days", "0"], "--days must be"),
    ],
)
def test_what_cannot_be_is_refused(words: list[str], message: str) -> None:
    UserFactory(username="robot")
    UserFactory(username="gone", is_active=False)

    with pytest.raises(CommandError, match=message):
        call_command("create_api_key", *words)
    assert not AuthToken.objects.exists()
