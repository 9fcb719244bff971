"""The API's description and the page that shows it."""

from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from rest_framework.test import APIClient

from config.openapi import description
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader() -> Client:
    client = Client()
    client.force_login(UserFactory())
    return client


def test_the_page_sends_strangers_to_sign_in() -> None:
    answer = Client().get("/api/docs")

    assert answer.status_code == 302
    assert answer["Location"] == "/admin/login/?next=/api/docs"


def test_the_page_loads_only_files_of_its_own_and_no_inline_script(reader: Client) -> None:
    page = reader.get("/api/docs").content.decode()
    files = [part.split('"')[0] for attribute in ('src="', 'stylesheet" href="') for part in page.split(attribute)[1:]]

    assert len(files) == 4
    assert [name for name in files if not finders.find(name.removeprefix("/static/"))] == []
    assert "<script>" not in page


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [("application/json", "application/json"), ("*/*", "application/vnd.oai.openapi")],
)
def test_the_description_comes_in_the_form_that_is_asked_for(accept: str, content_type: str, reader: Client) -> None:
    answer = reader.get("/api/schema", headers={"Accept": accept})

    assert answer.status_code == 200
    assert answer["Content-Type"].split(";")[0] == content_type


@pytest.fixture(scope="module")
def plain(shared: Any) -> bytes:
    """The description as who asks for nothing gets it."""
    with shared():
        client = APIClient()
        client.force_authenticate(UserFactory())
        content: bytes = client.get("/api/schema").content
        return content


@pytest.mark.parametrize("query", ["lang=de", "lang=%00", "version=%0a", "format=x", "version=" + "x" * 100_000])
def test_no_parameter_changes_the_description(query: str, plain: bytes) -> None:
    client = APIClient()
    client.force_authenticate(UserFactory())
    description.cache_clear()

    assert client.get(f"/api/schema?{query}").content == plain
