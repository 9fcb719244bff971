"""Clients of the API."""

import pytest
from rest_framework.test import APIClient

from tests.factories import UserFactory


@pytest.fixture
def api(db: None) -> APIClient:
    """One that may do everything."""
    client = APIClient()
    client.force_authenticate(UserFactory(is_superuser=True))
    return client
