"""The guide to recording shows requests that work, and names every attribute that is read of a span."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from monitoring.flags import Key, set_flag
from pipelines.otlp import model_calls

GUIDE = (Path(__file__).parent.parent.parent / "docs" / "recording.md").read_text()
EXAMPLES = re.findall(r"http://127\.0\.0\.1:8000(/\S+) -d @- <<'JSON'\n(.*?)\nJSON\n", GUIDE, re.DOTALL)


def test_an_example_works(api: APIClient) -> None:
    set_flag(key=Key.PIPELINE_LOGGING_ENABLED, value="on", reason="tests")
    sent: list[tuple[str, Any]] = [(address, json.loads(body)) for address, body in EXAMPLES]

    answers = [api.post(address, body) for address, body in sent]

    assert [answer.status_code for answer in answers] == [201, 201, 207]
    assert [one["status"] for one in answers[2].json()["results"]] == [201, 400]


@pytest.mark.parametrize("name", model_calls.OURS.values())
def test_what_we_ask_of_a_span_is_in_the_guide(name: str) -> None:
    assert f"`{name}`" in GUIDE
