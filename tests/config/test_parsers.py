"""Bodies that no endpoint should have to fear."""

import io
import json
from typing import Any

import pytest
from django.conf import LazySettings
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ParseError

from config.parsers import BoundedJSONParser
from config.problems import PayloadTooLarge

DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def parse(body: bytes) -> Any:
    return BoundedJSONParser().parse(io.BytesIO(body))


@given(DOCUMENTS, st.booleans())
def test_json_is_read_as_it_was_written_unless_it_holds_a_nul(document: Any, ascii_only: bool) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only)

    if "\0" in _all_text(document):
        with pytest.raises(ParseError):
            parse(text.encode())
    else:
        assert parse(text.encode()) == document


def _all_text(document: Any) -> str:
    if isinstance(document, dict):
        return "".join(key + _all_text(value) for key, value in document.items())
    if isinstance(document, list):
        return "".join(map(_all_text, document))
    return document if isinstance(document, str) else ""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'a': 1}",
        b"NaN",
        b"[-Infinity]",
        b"1e999",
        b"9" * 5000,
        b"\xff",
        b'"\xed\xa0\x80"',
        '"é"'.encode("utf-16"),
        b'{"a": "\\u0000"}',
        b'{"\\u0000": 1}',
        b'["\\ud800"]',
        b'"\\uDFFF"',
        b"[" * 200_000,
        b'{"a":' * 200_000,
    ],
)
def test_what_is_no_json_or_cannot_be_stored_is_refused(body: bytes) -> None:
    with pytest.raises(ParseError) as refused:
        parse(body)

    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("body", [b'"\\\\u0000"', b'"\\ud83d\\ude00"', b'"\\\\ud800"'])
def test_what_only_looks_unstorable_is_kept(body: bytes) -> None:
    assert parse(body) == json.loads(body)


def test_a_body_past_the_limit_is_refused_without_being_read_whole(settings: LazySettings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    stream = io.BytesIO(b"[" + b" " * 98 + b"]")
    assert BoundedJSONParser().parse(stream) == []

    stream = io.BytesIO(b" " * 1000)
    with pytest.raises(PayloadTooLarge):
        BoundedJSONParser().parse(stream)
    assert stream.tell() <= 101
