"""People of the groups that review is done by."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from rest_framework.test import APIClient

from pipelines.seeding.roles import ROLES, plant_role
from tests import factories


@pytest.fixture
def roles(db: None) -> dict[str, APIClient]:
    """Somebody of each group that ``seed`` makes."""
    clients = {}
    for name in ROLES:
        plant_role(name)
        user: User = factories.UserFactory(username=name, email=f"{name}@example.org")
        user.groups.add(Group.objects.get(name=name))
        clients[name] = APIClient()
        clients[name].force_authenticate(user)
    return clients


@pytest.fixture
def ann(client: Client) -> User:
    """A reviewer by her group alone, signed in."""
    plant_role("reviewer")
    user: User = factories.UserFactory(username="ann", is_staff=True)
    user.groups.add(Group.objects.get(name="reviewer"))
    client.force_login(user)
    return user
