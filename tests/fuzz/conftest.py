"""Requests made up from the API's description."""

import pytest
from django.conf import LazySettings


@pytest.fixture(autouse=True)
def everything_open(settings: LazySettings) -> None:
    """No flag hides a route."""
    settings.MONITORING_API_ENABLED = True
    settings.REVIEW_ENABLED = True
