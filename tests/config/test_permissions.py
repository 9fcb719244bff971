"""What a person may do in the admin, read in one call."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    """By herself she may do one thing, by her groups two more, one of them twice."""
    user: User = UserFactory(is_staff=True)
    view, run, review = (
        Permission.objects.get(codename=name) for name in ("view_pipelinerun", "view_steprun", "review_item")
    )
    user.user_permissions.add(view)
    for name, held in (("one", [run, view]), ("other", [run, review])):
        group = Group.objects.create(name=name)
        group.permissions.set(held)
        user.groups.add(group)
    return user


def test_a_page_asks_once_and_is_told_what_django_would_say(client: Client, ada: User) -> None:
    client.force_login(ada)

    with CaptureQueriesContext(connection) as queries:
        page = client.get("/admin/")

    assert page.wsgi_request.user.get_all_permissions() == ada.get_all_permissions()
    assert len(ada.get_all_permissions()) == 3
    assert [query["sql"] for query in queries if "permission" in query["sql"]] == [
        f"SELECT config_permissions({ada.pk})"
    ]


def test_who_may_not_enter_is_not_looked_up(client: Client) -> None:
    client.force_login(UserFactory())

    with CaptureQueriesContext(connection) as queries:
        assert client.get("/admin/").status_code == 302

    assert not any("permission" in query["sql"] for query in queries)


def test_one_who_was_told_off_may_do_nothing(client: Client, ada: User) -> None:
    client.force_login(ada)
    assert client.get("/admin/pipelines/pipelinerun/").status_code == 200

    ada.user_permissions.clear()
    ada.groups.clear()

    assert client.get("/admin/pipelines/pipelinerun/").status_code == 403
