"""``manage.py synthetic_checks`` against a real server."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from knox.models import AuthToken
from pytest_django.live_server_helper import LiveServer

from pipelines.synthetic import checks, shapes
from tests.contract.test_legacy_reads import FACTORIES, FROZEN
from tests.factories import UserFactory

KINDS = {str: "string", dict: "object", list: "array", int: "number", float: "number", bool: "boolean"}


@pytest.fixture
def key_file(transactional_db: None, tmp_path: Path) -> Path:
    _, key = AuthToken.objects.create(UserFactory(is_superuser=True))
    file = tmp_path / "key"
    file.write_text(f"{key}\n")
    return file


def check(url: str, key_file: Path, *words: str) -> tuple[int, str]:
    """The exit status and what was printed."""
    out = StringIO()
    try:
        call_command("synthetic_checks", "--base-url", url, "--key-file", str(key_file), *words, stdout=out, stderr=out)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_the_shapes_that_ship_are_the_frozen_ones() -> None:
    rows = {file.stem: json.loads(file.read_text()) for file in FROZEN.glob("*.json")}
    frozen = {
        name: {field: "any" if value is None else KINDS[type(value)] for field, value in row.items()}
        for name, row in rows.items()
    }

    assert shapes() == frozen


def test_a_healthy_server_passes(live_server: LiveServer, key_file: Path) -> None:
    for factory in FACTORIES.values():
        factory()

    status, told = check(live_server.url, key_file, "--limit-ms", "60000")

    assert status == 0, told
    assert f"{len(list(checks()))} of {len(list(checks()))} checks passed" in told


def test_a_key_that_may_not_read_fails_and_the_webhook_is_told(
    live_server: LiveServer, key_file: Path, answering: Any
) -> None:
    _, key = AuthToken.objects.create(UserFactory())
    key_file.write_text(key)
    webhook, sent = answering()

    status, told = check(live_server.url, key_file, "--limit-ms", "60000", "--webhook", webhook)

    assert status == 1
    assert "answered 403, not 200" in told
    [message] = sent
    assert {"path": "/api/design-splits?pageSize=5", "status": 403, "fault": "answered 403, not 200"} in message[
        "failed"
    ]
    assert "checks failed" in message["text"]


@pytest.mark.parametrize(
    ("how", "words", "fault"),
    [
        ({"body": b"<html>"}, (), 'does not say {"status": "ok"}'),
        ({"body": b'{"next":null,"results":[{"id":1}]}'}, (), "id is no string"),
        ({"body": b'{"next":null,"results":[{}]}'}, (), "a row lacks id"),
        ({"body": b'{"results":[]}'}, (), "is no page"),
        ({"status": 302}, (), "answered 302, not 200"),
        ({"status": 500}, (), "answered 500, not 200"),
        ({"body": b'{"status":"ok"}', "delay": 0.05}, ("--limit-ms", "10"), "the limit is 10 ms"),
        ({"delay": 2.0}, ("--timeout", "0.1"), "no answer: timed out"),
        ({"drips": True}, ("--timeout", "0.1"), "no answer: timed out"),
        ({"raw": b"\x1b[31mthis is no HTTP\r\n"}, (), "no answer: what it says is no HTTP (BadStatusLine)"),
        ({"body": b"[" * 100_000}, (), 'does not say {"status": "ok"}'),
    ],
)
def test_what_is_wrong_is_said(how: Any, words: tuple[str, ...], fault: str, key_file: Path, answering: Any) -> None:
    url, _ = answering(**how)

    status, told = check(url, key_file, *words)

    assert status == 1
    assert fault in told


def test_nobody_there_and_a_webhook_that_fails_are_said(key_file: Path, answering: Any) -> None:
    webhook, _ = answering(status=500)

    status, told = check("http://127.0.0.1:1", key_file, "--webhook", webhook)

    assert status == 1
    assert "Connection refused" in told
    assert "The webhook could not be told: it answered 500" in told


@pytest.mark.parametrize("how", [{"raw": b"no HTTP\r\n"}, {"drips": True}])
def test_a_webhook_that_answers_with_nonsense_is_said(how: Any, key_file: Path, answering: Any) -> None:
    webhook, _ = answering(**how)

    status, told = check("http://127.0.0.1:1", key_file, "--webhook", webhook, "--timeout", "0.1")

    assert status == 1
    assert "The webhook could not be told: " in told


def test_each_check_is_a_line_of_json(key_file: Path, answering: Any) -> None:
    url, _ = answering(body=b'{"status":"ok"}')

    status, told = check(url, key_file, "--json")
    lines = [json.loads(line) for line in told.splitlines()]

    assert status == 1
    assert [each["path"] for each in lines] == [each.path for each in checks()]
    assert (lines[0]["status"], lines[0]["fault"]) == (200, None)
    assert lines[1]["fault"] == 'does not say {"status": "ready"}'


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--base-url", "file:///etc/passwd"), "no http or https address"),
        (("--base-url", "http://127.0.0.1:99999"), "no http or https address"),
        (("--webhook", "ftp://x/"), "no http or https address"),
        (("--webhook", "https://example.com/a secret"), "characters that none may have"),
        (("--webhook", "https://user:secret@example.com/"), "carries a name or password"),
        (("--timeout", "0"), "--timeout must be above 0"),
        (("--limit-ms", "nan"), "--limit-ms must be above 0"),
        (("--key-file", "/nowhere"), "The key cannot be read"),
        (("--key-file", "/bin/true"), "There is no API key"),
    ],
)
def test_what_cannot_be_used_is_refused_and_no_secret_said(words: tuple[str, str], reason: str, key_file: Path) -> None:
    with pytest.raises(CommandError, match=reason) as refused:
        call_command("synthetic_checks", "--key-file", str(key_file), *words)
    assert refused.value.returncode == 2
    assert "secret" not in str(refused.value)


def test_without_a_key_it_says_how_to_make_one(db: None) -> None:
    with pytest.raises(CommandError, match="create_api_key"):
        call_command("synthetic_checks")
