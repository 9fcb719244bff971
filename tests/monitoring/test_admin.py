"""Feature flags in the admin."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from monitoring.flags import Key, decide
from monitoring.models import FeatureFlag

pytestmark = pytest.mark.django_db


def test_a_flag_set_here_holds_at_once_and_names_who_set_it(client: Client, boss: User) -> None:
    fields = {"key": Key.PIPELINE_LOGGING_ENABLED, "value": "on", "reason": "trying it out"}

    assert client.post(reverse("admin:monitoring_featureflag_add"), fields).status_code == 302

    assert decide(Key.PIPELINE_LOGGING_ENABLED).is_on
    assert FeatureFlag.objects.get().updated_by == boss


def test_a_value_that_the_flag_cannot_have_is_refused_in_words(client: Client, boss: User) -> None:
    answer = client.post(
        reverse("admin:monitoring_featureflag_add"), {"key": Key.PIPELINE_LOGGING_ENABLED, "value": "enforce"}
    )

    assert "The value must be on or off" in answer.content.decode()
    assert not FeatureFlag.objects.exists()
