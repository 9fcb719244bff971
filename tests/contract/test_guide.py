"""The guide to the API shows what works and leaves no route out."""

import re
from pathlib import Path

import pytest
import yaml
from rest_framework.test import APIClient

DOCS = Path(__file__).parent.parent.parent / "docs"
GUIDE = (DOCS / "api.md").read_text()
EXAMPLES = re.findall(r"^curl .*?http://127\.0\.0\.1:8000(/[^\s\"]+)", GUIDE, re.MULTILINE)
# The pure Python loader takes seconds, and every worker collects these.
ROUTES = yaml.load((DOCS / "openapi.yaml").read_text(), Loader=yaml.CSafeLoader)["paths"]


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 4


@pytest.mark.parametrize("address", EXAMPLES)
def test_an_example_works(address: str, api: APIClient) -> None:
    assert api.get(address, headers={"Accept": "application/json"}).status_code == 200


@pytest.mark.parametrize("route", [route for route, item in ROUTES.items() if "{" not in route and "get" in item])
def test_a_list_is_in_the_guide(route: str) -> None:
    assert f"`GET {route}`" in GUIDE
