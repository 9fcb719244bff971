"""Nothing of the API is open that a permission does not open, whatever is added to it later."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from knox.models import AuthToken
from rest_framework.test import APIClient

from tests.factories import PipelineRunFactory, UserFactory

METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
FOR_ALL_WHO_SIGNED_IN = {"/api/schema", "/api/docs"}
A_PAGE = "/api/docs"


def addresses(patterns: list[Any] | None = None, above: str = "/") -> Iterator[tuple[str, dict[str, str]]]:
    """Every address under /api with sample values in it, and its methods with their actions where it is a viewset."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        here = above + getattr(pattern.pattern, "_route", "")
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, here)
        elif isinstance(pattern, URLPattern) and here.startswith("/api/") and here != "/api/":
            samples = {"uuid": "01955230-0000-7000-8000-000000000000", "slug": "sample", "str": "sample", "int": "1"}
            for kind, sample in samples.items():
                for name in pattern.pattern.converters:
                    here = here.replace(f"<{kind}:{name}>", sample)
            # A copy: the view adds "head" to its own when it is called.
            yield here, dict(getattr(pattern.callback, "actions", None) or {"get": "get"})


ADDRESSES = dict(addresses())


def test_the_enumeration_sees_the_api() -> None:
    assert {"/api/design-splits", "/api/pipelines/sample", *FOR_ALL_WHO_SIGNED_IN} <= set(ADDRESSES)
    assert not any("<" in address for address in ADDRESSES)


@pytest.mark.django_db
@pytest.mark.parametrize("address", sorted(ADDRESSES.keys() - {A_PAGE}))
def test_a_stranger_is_turned_away(address: str) -> None:
    for method in METHODS:
        response = getattr(APIClient(), method)(address)

        assert response.status_code == 401, method
        assert response["WWW-Authenticate"] == "Bearer"
        assert response["Content-Type"] == "application/problem+json"


@pytest.mark.django_db
@pytest.mark.parametrize("address", sorted(ADDRESSES.keys() - FOR_ALL_WHO_SIGNED_IN))
def test_a_user_without_permission_is_refused(address: str) -> None:
    client = APIClient()
    client.force_authenticate(UserFactory())

    for method in ADDRESSES[address]:
        response = getattr(client, method)(address)
        assert response.status_code == 403, method
        assert response["Content-Type"] == "application/problem+json"


@pytest.mark.django_db
def test_a_permission_opens_its_own_endpoint_only() -> None:
    user = UserFactory()
    user.user_permissions.add(Permission.objects.get(codename="view_splitasset"))
    client = APIClient()
    client.force_authenticate(user)

    assert client.get("/api/split-assets").status_code == 200
    assert client.get("/api/design-splits").status_code == 403


@pytest.mark.django_db
def test_whoever_sees_runs_may_not_cancel_them() -> None:
    run = PipelineRunFactory()
    user = UserFactory()
    user.user_permissions.add(Permission.objects.get(codename="view_pipelinerun"))
    client = APIClient()
    client.force_authenticate(user)

    assert client.get(f"/api/pipeline-runs/{run.pk}").status_code == 200
    assert client.post(f"/api/pipeline-runs/{run.pk}/cancel").status_code == 403


@pytest.mark.django_db
def test_a_key_signs_a_program_in_until_it_is_revoked() -> None:
    token, secret = AuthToken.objects.create(UserFactory(is_superuser=True))
    client = APIClient(headers={"Authorization": f"Bearer {secret}"})

    assert client.get("/api/pipelines").status_code == 200
    token.delete()
    refused = client.get("/api/pipelines")
    assert (refused.status_code, refused.json()["code"]) == (401, "authentication-failed")


@pytest.mark.django_db
def test_a_key_may_what_its_user_and_the_users_groups_may(django_assert_num_queries: Any) -> None:
    user, group = UserFactory(), Group.objects.create(name="readers")
    user.user_permissions.add(Permission.objects.get(codename="view_splitasset"))
    group.permissions.add(Permission.objects.get(codename="view_pipelinerun"))
    user.groups.add(group)
    _, secret = AuthToken.objects.create(user)
    client = APIClient(headers={"Authorization": f"Bearer {secret}"})

    addresses = ("split-assets", "pipeline-runs", "design-splits")
    assert [client.get(f"/api/{address}").status_code for address in addresses] == [200, 200, 403]
    with django_assert_num_queries(1):  # the key, its user and what is held by both ways
        assert client.get("/api/design-splits").status_code == 403


@pytest.mark.django_db
def test_a_key_of_somebody_who_left_is_refused() -> None:
    _, secret = AuthToken.objects.create(UserFactory(is_superuser=True, is_active=False))

    response = APIClient(headers={"Authorization": f"Bearer {secret}"}).get("/api/pipelines")

    assert response.status_code == 401


@pytest.mark.django_db
def test_an_expired_key_is_refused_and_gone() -> None:
    user = UserFactory(is_superuser=True)
    _, old = AuthToken.objects.create(user, expiry=timedelta(seconds=-1))
    _, new = AuthToken.objects.create(user, expiry=timedelta(days=1))

    answers = [APIClient(headers={"Authorization": f"Bearer {key}"}).get("/api/pipelines") for key in (old, new)]

    assert [answer.status_code for answer in answers] == [401, 200]
    assert AuthToken.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "x", "x y", "é", "\xff", "a" * 100_000, "-" * 64])
def test_what_is_no_key_is_refused(key: str) -> None:
    response = APIClient(headers={"Authorization": f"Bearer {key}"}).get("/api/pipelines")

    assert response.status_code == 401


@pytest.mark.django_db
def test_a_session_signs_a_person_in_and_needs_the_csrf_token_to_change_anything() -> None:
    run = PipelineRunFactory()
    client = Client(enforce_csrf_checks=True)
    client.force_login(UserFactory(is_superuser=True))

    assert client.get("/api/pipelines").status_code == 200
    refused = client.post(f"/api/pipeline-runs/{run.pk}/cancel")
    assert refused.status_code == 403
    assert "CSRF" in refused.json()["detail"]


@pytest.mark.django_db
def test_a_user_who_was_switched_off_is_refused() -> None:
    user = UserFactory(is_superuser=True)
    _, secret = AuthToken.objects.create(user)
    user.is_active = False
    user.save()

    assert APIClient(headers={"Authorization": f"Bearer {secret}"}).get("/api/pipelines").status_code == 401
