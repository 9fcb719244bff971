"""Clients of the API."""

import pytest
from django.conf import LazySettings
from rest_framework.test import APIClient

from tests.factories import UserFactory


@pytest.fixture(autouse=True)
def everything_open(settings: LazySettings) -> None:
    """No flag hides a route."""
    settings.MONITORING_API_ENABLED = True
    settings.REVIEW_ENABLED = True


@pytest.fixture
def api(db: None) -> APIClient:
    """One that may do everything."""
    client = APIClient()
    client.force_authenticate(UserFactory(is_superuser=True))
    return client
