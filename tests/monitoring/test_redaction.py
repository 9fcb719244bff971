"""What redaction finds, what it leaves alone, and that no text makes it slow or leaves it half done."""

import ipaddress
import re
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring import redacting
from monitoring.redaction import Redactor
from monitoring.redaction.contact import Emails
from monitoring.redaction.findings import Finding
from monitoring.redaction.presidio import MissingExtra, Presidio

KEY = b"a key of the tests"
REDACTOR = Redactor(key=KEY)
PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----"

FOUND = [
    ("email", "jane.doe+news@mail.example.co.uk"),
    ("email", "jörg@bücher.example.de"),
    ("email", "jane%40example.com"),
    ("email", "jane@xn--e1afmkfd.xn--p1ai"),
    ("phone", "+44 20 7946 0958"),
    ("phone", "+1 (415) 555-2671"),
    ("phone", "(415) 555-2671"),
    ("phone", "415-555-2671"),
    ("phone", "020 7946 0958"),
    ("phone", "030/90182012"),
    ("phone", "0049 30 901820"),
    ("phone", "(+44) 20 7946 0958"),
    ("phone", "1-800-555-0199"),
    ("phone", "+44\u00a020\u00a07946\u20110958"),
    ("card", "4111\u00a01111\u00a01111\u00a01111"),
    ("card", "3056 930902 5904"),
    ("iban", "BE68 5390 0754 7034"),
    ("card", "4111 1111 1111 1111"),
    ("card", "5555-5555-5555-4444"),
    ("card", "378282246310005"),
    ("iban", "GB82 WEST 1234 5698 7654 32"),
    ("iban", "DE89370400440532013000"),
    ("national-id", "536-90-4399"),
    ("national-id", "44051401359"),
    ("national-id", "111.444.777-35"),
    ("national-id", "RSSMRA85T10A562S"),
    ("national-id", "2 55 08 14 168 025 38"),
    ("national-id", "54362315K"),
    ("national-id", "QQ 12 34 56 C"),
    ("national-id", "2341 2341 2346"),
    ("ip", "192.168.1.20"),
    ("ip", "2001:db8::ff00:42:8329"),
    ("ip", "2001:0db8:0000:0000:0000:ff00:0042:8329"),
    ("token", "ghp_" + "abcdefghij0123456789ABCD"),
    ("token", "sk-" + "proj-abcdefghijklmnop"),
    ("token", "AKIA" + "IOSFODNN7EXAMPLE"),
    ("token", "ghr_" + "abcdefghij0123456789ABCD"),
    ("token", "xoxe-" + "1-abcdefghij0123456789"),
    ("token", "GOCSPX-" + "abcdefghij0123456789ABCD"),
    ("token", "hooks.slack.com/services/" + "T0000/B0000/abcdefghij0123456789"),
    ("token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dBjftJeZ4CVP"),
    ("private-key", PRIVATE_KEY),
    ("private-key", "-----BEGIN PRIVATE KEY-----\nnever ends"),
]
LEFT_ALONE = [
    "The quick brown fox has 3 columns, 24 words and a grade of 95.5.",
    "2024-01-05 10:30:00 and 05.01.2024 12:00 and 12/24/2025",
    "version 1.2.3, react@18.2.0, logo@2x.png, pi is 3.14159265358979",
    "std::vector a::before 12:30:45 {margin: 0 auto}",
    "4111 1111 1111 1112 is no card, nor is 0.4111111111111111",
    "GB83 WEST 1234 5698 7654 32 has a wrong check digit",
    "1700000000000 milliseconds; order 123456789",
    "passwords are required; the token count: 1234; a secret: keeping",
    "01955230-0000-7000-8000-000000000000",
    "the run 01955230-0012-7abc-8def-0123456789ab, std::ab::cd, latest@next.tgz",
    'Basic knowledge2go, type="password" name="password", max_tokens=4096',
    '{"tokensIn": 812, "kind": "hero", "nodeKey": "split"} and ?code=hero&key=title',
    "<label>Password</label> and the cookie: none",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
]
HOSTILE = {
    "letters": "a" * 100_000,
    "at signs": "a@" * 50_000,
    "dots": "1.1." * 25_000,
    "digits": "1" * 100_000,
    "groups": "1 " * 50_000,
    "dashes": "1-" * 50_000,
    "colons": ":" * 100_000,
    "brackets": "(" * 100_000,
    "begins": "-----BEGIN " * 9_000,
    "names": "password=" * 11_000,
    "addresses": "://a:" * 20_000,
    "prefixes": "sk-" * 33_000,
    "capitals": "A1" * 50_000,
    "plus signs": "+1234567 " * 11_000,
    "quotes": '"password":"' * 8_000,
    "quotes in quotes": '\\"password\\":\\"' * 6_000,
    "elements": "<password>" * 10_000,
    "parameters": "?password=" * 10_000,
    "cookies": "cookie: a" * 11_000,
    "packed addresses": "a%40b." * 16_000,
}


@pytest.mark.parametrize(("kind", "value"), FOUND)
def test_it_is_found_within_a_sentence(kind: str, value: str) -> None:
    redaction = REDACTOR.text(f"Before it, {value} and after.")

    assert value not in redaction.value
    assert redaction.counts == {kind: 1}
    assert redaction.value.startswith(f"Before it, [{kind}:")


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_it_is_left_alone(text: str) -> None:
    assert REDACTOR.text(text).value == text


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("password: hunter2Xy9", "hunter2Xy9"),
        ("API_KEY=9f8d7c6b5a4e3d2c", "9f8d7c6b5a4e3d2c"),
        ('{"clientSecret": "Zx81-Qp44-Lm20"}', "Zx81-Qp44-Lm20"),
        ("Authorization: Bearer abcDEF123456789", "abcDEF123456789"),
        ("postgres://admin:s3cr3t@db.example.com/irline", "s3cr3t"),
        ("https://example.com/?access_token=abc123def456&page=2", "abc123def456"),
        ("BSN 111222333", "111222333"),
        ("tel. 4155552671", "4155552671"),
        ("ssn: 536 90 4399", "536 90 4399"),
        ("PIN: 4711", "4711"),
        ("cvv=123", "123"),
        ("password: 12345678", "12345678"),
        ('Password = "correct horse battery"', "horse"),
        ("SECRET_KEY=django-insecure-abc123", "insecure-abc123"),
        ("Passwort: hunter2Xy9", "hunter2Xy9"),
        ("login --password hunter2Xy9 --now", "hunter2Xy9"),
        ('{"user": {"password": "sunshine"}}', "sunshine"),
        ('{"body": "{\\"password\\": \\"sunshine\\"}"}', "sunshine"),
        ("{'apiKey': 'sunshine'}", "sunshine"),
        ('{"password": "sun\\"shine"}', "shine"),
        ('{"cvv": 123}', "123"),
        ("<password>sunshine</password>", "sunshine"),
        ("https://example.com/?password=sunshine", "sunshine"),
        ("https://example.com/?page=2&sig=abc123def456", "abc123def456"),
        ("https://example.com/?phone=02079460958", "02079460958"),
        ("Cookie: theme=dark; sessionid=abc123def456ghi", "abc123def456ghi"),
        ("Authorization: ApiKey abc123def456", "abc123def456"),
        ("basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA"),
    ],
)
def test_a_name_before_it_gives_it_away(text: str, secret: str) -> None:
    assert secret not in REDACTOR.text(text).value


def test_equal_values_get_equal_pseudonyms_however_written_and_only_under_one_key() -> None:
    one, same = "+44 20 7946 0958", "020 7946 0958"

    assert REDACTOR.text(one).value == REDACTOR.text(same).value
    assert REDACTOR.text("A@Example.com").value == REDACTOR.text("a@example.com").value
    assert REDACTOR.text("a@example.com").value != REDACTOR.text("b@example.com").value
    assert REDACTOR.text(one).value != Redactor(key=b"another").text(one).value


@given(
    st.lists(
        st.one_of(st.integers(0, 299).map(str), st.from_regex(r"[0-9]{1,3}", fullmatch=True)), min_size=4, max_size=4
    )
)
def test_four_groups_of_digits_are_an_address_where_the_library_takes_them_for_one(groups: list[str]) -> None:
    text = ".".join(groups)
    try:
        ipaddress.IPv4Address(text)
        is_address = True
    except ValueError:
        is_address = False

    assert (REDACTOR.text(f"from {text}").counts.get("ip", 0) == 1) is is_address


# A key without an end goes on to the end of the text.
@pytest.mark.parametrize("value", [value for kind, value in FOUND if kind != "private-key"])
def test_a_value_by_itself_gets_the_pseudonym_that_it_gets_within_a_text(value: str) -> None:
    assert (
        REDACTOR.text(f"Before it, {value} and after.").value == f"Before it, {REDACTOR.text(value).value} and after."
    )


def test_documents_are_redacted_at_any_depth_names_included() -> None:
    redaction = REDACTOR.document(
        {
            "user": {"email": "jane@example.com", "notes": ["call 415-555-2671", None, True, 7]},
            "password": {"old": ["x", 3], "new": ""},
            "jane@example.com": 1,
            "JANE@example.com": 2,
            "card": 4111111111111111,
            "tokensIn": 512,
        }
    )

    person = REDACTOR.text("jane@example.com").value
    assert redaction.value["user"]["email"] == person
    assert redaction.value["user"]["notes"][1:] == [None, True, 7]
    assert redaction.value["password"]["new"] == ""
    assert all(value.startswith("[secret:") for value in redaction.value["password"]["old"])
    assert (redaction.value[person], redaction.value[f"{person}'"]) == (1, 2)
    assert redaction.value["card"].startswith("[card:")
    assert redaction.value["tokensIn"] == 512
    assert redaction.counts == {"email": 3, "phone": 1, "secret": 2, "card": 1}


@pytest.mark.parametrize(
    "document",
    [
        {"x-api-key": "sunshine"},
        {"Set-Cookie": ["sunshine"]},
        {"creds": {"user": {"name": "sunshine"}}},
        {"phoneNumbers": ["sunshine"]},
        {"mfa_code": "sunshine"},
        {"headers": [{"name": "Authorization", "value": "sunshine"}]},
        {"fields": [{"key": "password", "value": ["sunshine"]}]},
    ],
)
def test_a_name_gives_away_whatever_is_below_it(document: Any) -> None:
    assert "sunshine" not in str(REDACTOR.document(document).value)


@pytest.mark.parametrize(
    "document",
    [
        {"tokensIn": 5, "maxTokens": 7, "secretary": "x", "compass": "north", "pass": 12},
        {"name": "hero", "value": "x"},
        {"name": {"password": None}, "value": 3},
        {"password": True, "token": ""},
    ],
)
def test_names_that_tell_nothing_leave_what_is_below_them(document: Any) -> None:
    assert REDACTOR.document(document).value == document


def test_what_is_nested_too_deeply_is_not_kept() -> None:
    document: Any = "jane@example.com"
    for _ in range(900):
        document = {"a": [document]}

    redaction = REDACTOR.document(document)

    assert redaction.counts == {"too-deep": 1}


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from(FOUND).map(str),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_redacting_twice_changes_nothing(document: Any) -> None:
    once = REDACTOR.document(document).value

    assert REDACTOR.document(once).value == once


@given(st.text("AGBDEXZaeqz0123456789 -./:@+()=,'", max_size=60))
def test_whatever_is_nearly_something_is_taken_or_left(text: str) -> None:
    once = REDACTOR.text(text).value

    assert REDACTOR.text(once).value == once


pieces_of_names = st.sampled_from(
    [
        *"\"'\\:={}<>/?&; [].-1\n",
        "password",
        "token",
        "cvv",
        "cookie: ",
        "phone",
        "key",
        "Basic ",
        "--",
        "x9Y",
        "sunshine",
    ]
)


@given(st.lists(pieces_of_names | st.sampled_from([f" {value} " for _, value in FOUND]), max_size=24).map("".join))
def test_whatever_is_nearly_named_is_taken_or_left(text: str) -> None:
    once = REDACTOR.text(text).value

    assert REDACTOR.text(once).value == once


@given(st.lists(st.sampled_from([value for _, value in FOUND]) | st.text(max_size=30), max_size=8))
def test_nothing_is_found_in_what_is_left(pieces: list[str]) -> None:
    redaction = REDACTOR.text(", ".join(pieces))

    assert REDACTOR.text(redaction.value).counts == {}


class Nothing:
    """With it every text is looked at, as with Presidio."""

    digits = 0
    letters = False

    def find(self, text: str) -> list[Finding]:
        return []


words = st.sampled_from(
    ["Basic ", "Baſic ", " is ", "token ", "abcXefghG", "key", " ", "\n", "\u2003", "----- ", "ı", "İ"]
)


@given(st.lists(words | st.sampled_from([value for _, value in FOUND]) | st.text(max_size=20), max_size=6).map("".join))
def test_what_is_not_looked_at_holds_nothing(text: str) -> None:
    assert REDACTOR.text(text) == Redactor(key=KEY, more=[Nothing()]).text(text)


@given(st.text("ab1_.%+'-@ é:", max_size=40))
def test_addresses_are_what_one_expression_says(text: str) -> None:
    expression = r"(?<![\w.%+'-])[\w.%+'-]++@[\w-]++(?:\.[\w-]++)+"
    spans = [match.span() for match in re.finditer(expression, text) if re.search(r"\.[^\W\d_]{2,}$", match[0])]

    assert [(one.start, one.end) for one in Emails().find(text)] == spans


@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_makes_it_hang(name: str) -> None:
    redaction = REDACTOR.text(HOSTILE[name])

    assert REDACTOR.text(redaction.value).value == redaction.value


def test_an_excerpt_is_cut_after_it_was_redacted() -> None:
    text = "x" * (redacting.EXCERPT - 10) + " 4111 1111 1111 1111"

    excerpt = redacting.excerpt(text)

    assert "4111" not in excerpt.text
    assert excerpt.redaction.counts == {"card": 1}
    assert (excerpt.scanned, excerpt.whole) == (len(text), True)
    assert not redacting.excerpt("x" * (redacting.SCANNED + 1)).whole


def test_what_goes_on_after_the_part_that_is_looked_at_is_not_kept() -> None:
    key = "-----BEGIN PRIVATE KEY-----" + "x" * (redacting.SCANNED - 70) + "-----END PRIVATE KEY-----"
    begun = key + " " * (redacting.SCANNED - len(key) - 12) + "4111 1111 11"

    assert "4111" not in redacting.excerpt(begun + "11 1111").text


def test_the_key_comes_from_the_settings(settings: Any) -> None:
    derived = redacting.excerpt("jane@example.com").text
    settings.REDACTION_KEY = "of its own"

    assert redacting.excerpt("jane@example.com").text != derived


def test_presidio_is_one_more_recogniser(monkeypatch: pytest.MonkeyPatch) -> None:
    class AnalyzerEngine:
        def analyze(self, *, text: str, language: str, score_threshold: float) -> list[Any]:
            return [SimpleNamespace(entity_type="PERSON", start=text.index("Jane"), end=text.index("Jane") + 4)]

    module = ModuleType("presidio_analyzer")
    module.AnalyzerEngine = AnalyzerEngine
    monkeypatch.setitem(sys.modules, "presidio_analyzer", module)

    redaction = Redactor(key=KEY, more=[Presidio()]).text("Jane lives here.")

    assert redaction.value.startswith("[person:")


def test_presidio_names_its_extra_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)

    with pytest.raises(MissingExtra, match="bin/setup --extras"):
        Presidio()
